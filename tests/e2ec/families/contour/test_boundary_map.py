"""The boundary map: learned beside the contours, in nobody's way, left out of prediction."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from random_networks import random_images, random_network
from tiny_run import tiny

from dataset.contour.targets import Batch
from e2ec.config import Config, RefinerConfig
from e2ec.engine.data.open_data import build_dataset
from e2ec.engine.predict.predictor import Predictor
from e2ec.engine.train.build import build_model
from e2ec.engine.train.run import train
from e2ec.engine.weights.checkpoint import load_weights, save_weights
from e2ec.families.contour.card import ContourCard
from e2ec.families.contour.family import CONTOUR
from e2ec.named_settings import with_settings
from lib.errors import InputError
from network.contour.architecture import NANO
from network.contour.weights import network_from_state
from network.inference.prepare import for_prediction

CARD = ContourCard("nano", class_names=("a", "b", "c"), category_ids=(1, 2, 3))
CENTERS, IMAGES = torch.tensor([[3, 4], [9, 2]]), torch.tensor([0, 1])


def learning(out: Path, weights: Path | None = None) -> Config:
    config = tiny(out, epochs=1, eval_every=1)
    return with_settings(config, {"model.boundary_map": True, "model.weights": weights})


def test_all_else_keeps_names_order_random_start_and_results() -> None:
    without, network = random_network(), random_network(boundary_map=True)
    state, plain = network.state_dict(), without.state_dict()
    assert list(state)[: len(plain)] == list(plain)
    assert [key for key in state if key not in plain] == [
        f"boundary_map.{layer}.{name}" for layer in (0, 2) for name in ("weight", "bias")
    ]
    assert all(torch.equal(value, state[key]) for key, value in plain.items())
    first, second = (one(random_images(2, 64), CENTERS, IMAGES) for one in (without, network))
    assert all(torch.equal(a, b) for a, b in zip(first.contours, second.contours, strict=True))
    assert first.boundary_map is None
    assert second.boundary_map is not None and second.boundary_map.shape == (2, 1, 16, 16)


def test_prediction_leaves_it_out() -> None:
    network = random_network(boundary_map=True).eval()
    head = network.boundary_map
    assert head is not None
    head.register_forward_hook(lambda *_: pytest.fail("computed"))
    assert network(random_images(1, 64)).boundary_map is None
    prepared = for_prediction(network)
    assert network.boundary_map is head and prepared.network.boundary_map is None
    assert not any(key.startswith("network.boundary_map") for key in prepared.state_dict())
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    card = replace(CARD, score_threshold=0.0, max_detections=4)
    results = [
        Predictor(one, card).predict(image).to_json() for one in (network, random_network().eval())
    ]
    assert results[0] == results[1]


def test_the_weights_say_whether_there_is_one(tmp_path: Path) -> None:
    for drawn in (False, True):
        network = random_network(boundary_map=drawn)
        found = network_from_state(network.state_dict(), name="w", architecture=NANO)
        assert list(found.state_dict()) == list(network.state_dict())
        save_weights(tmp_path / "w.safetensors", network, CARD)
        loaded, _ = load_weights(tmp_path / "w.safetensors")
        assert (loaded.boundary_map is not None) == drawn


def test_the_loss_is_that_of_the_labels_boundaries(tmp_path: Path) -> None:
    """By its own sum over cells, divided by the cells of boundaries; its gradient reaches the
    backbone."""
    config = learning(tmp_path)
    make = CONTOUR.example_maker(config, 3)
    data = build_dataset(config, "train")
    batch = CONTOUR.collate([make(data[k], np.random.default_rng(k)) for k in range(2)])
    network, loss = build_model(config, 3), CONTOUR.loss(config)
    output = CONTOUR.forward(network, CONTOUR.normalize(batch.images), batch)
    counts = loss.counts(batch)
    assert counts.shape == (4,) and 0 < counts[3] == batch.boundaries.sum() < 2 * 16 * 16
    found = loss(output, batch, counts, epoch=0)
    p = output.boundary_map.sigmoid().clamp(1e-4, 1 - 1e-4)
    on = -((1 - p) ** 2 * p.log())[batch.boundaries == 1].sum()
    off = -(p**2 * (1 - p).log())[batch.boundaries == 0].sum()
    assert found["boundary_map"].item() == pytest.approx(((on + off) / counts[3]).item(), rel=1e-5)
    others = [value for name, value in found.items() if name not in ("boundary_map", "total")]
    weights = [1.0, 0.1, 0.1, 1.0]
    total = sum(w * one for w, one in zip(weights, others, strict=True)) + found["boundary_map"]
    assert found["total"].item() == pytest.approx(total.item(), rel=1e-5)
    found["boundary_map"].backward()
    gradients = {name for name, p in network.named_parameters() if p.grad is not None}
    assert any(name.startswith("backbone.") for name in gradients)
    assert not any(name.startswith(("heatmap.", "offsets.", "refinement.")) for name in gradients)


def test_micro_batches_do_not_change_the_loss(tmp_path: Path) -> None:
    """Parts are divided by the cells of the whole step, after the counts of SharpContour too."""
    config = with_settings(learning(tmp_path), {"model.sharp.training": "joint"})
    make = CONTOUR.example_maker(config, 3)
    data = build_dataset(config, "train")
    examples = [make(data[k], np.random.default_rng(k)) for k in range(3)]
    network, loss = build_model(config, 3), CONTOUR.loss(config)
    whole = CONTOUR.collate(examples)
    parts = [CONTOUR.collate(examples[:1]), CONTOUR.collate(examples[1:])]
    counts = loss.counts(whole)
    assert torch.allclose(counts, sum(loss.counts(part) for part in parts)) and len(counts) == 6
    logits = torch.randn(3, 1, 16, 16)

    def value(batch: Batch, own: torch.Tensor) -> float:
        output = CONTOUR.forward(network, CONTOUR.normalize(batch.images), batch)
        output.boundary_map = own
        return loss(output, batch, counts, epoch=0)["boundary_map"].item()

    halves = value(parts[0], logits[:1]) + value(parts[1], logits[1:])
    assert halves == pytest.approx(value(whole, logits), rel=1e-5)


@pytest.mark.usefixtures("fresh_accelerator")
def test_a_run_learns_it_and_others_start_from_its_weights(tmp_path: Path) -> None:
    config = learning(tmp_path)
    assert train(config)
    folder = tmp_path / config.name
    (entry,) = json.loads((folder / "metrics.json").read_text())["history"]
    assert entry["losses"]["boundary_map"] > 0
    weights = folder / "weights.safetensors"
    plain = with_settings(learning(tmp_path, weights), {"model.boundary_map": False})
    without = build_model(plain, 3)
    saved, _ = load_weights(weights)
    assert without.boundary_map is None
    for key, value in without.state_dict().items():
        assert torch.equal(value, saved.state_dict()[key]), key
    save_weights(tmp_path / "without.safetensors", without, load_weights(weights)[1])
    again = build_model(learning(tmp_path, tmp_path / "without.safetensors"), 3)
    assert again.boundary_map is not None
    assert torch.equal(again.heatmap[2].weight, without.heatmap[2].weight)
    both = build_model(learning(tmp_path, weights), 3)
    assert torch.equal(both.boundary_map[0].weight, saved.boundary_map[0].weight)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss.boundary_map_weight": 0.0}, "model.boundary_map learns nothing while"),
        (
            {"model.contour_iou": True, "loss.contour_iou_weight": 0.0},
            "model.contour_iou learns nothing while",
        ),
        (
            {"model.sharp.training": "alone", "model.weights": Path("unused")},
            "model.boundary_map: a head of its own",
        ),
    ],
)
def test_a_map_that_nothing_would_teach_is_refused(
    settings: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        CONTOUR.build(with_settings(learning(tmp_path), settings), 3)


def test_a_refiner_has_none() -> None:
    with pytest.raises(ValueError, match=r"model\.boundary_map: a refiner has none"):
        RefinerConfig(boundary_map=True)
