"""The stage sharp of contour networks: learned alone or with the rest, kept, named, on demand."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from front_doors import TINY, assert_one_line_error, call
from random_networks import random_images, random_network
from safetensors.torch import load_file
from tiny_run import tiny

from e2ec.config import Config, EvalConfig, EvolutionSettings, SharpSettings
from e2ec.engine.predict.predictor import Predictor
from e2ec.engine.train.build import build_model
from e2ec.engine.train.run import train
from e2ec.engine.weights.checkpoint import load_weights, save_weights
from e2ec.families.contour.card import ContourCard
from e2ec.families.contour.family import CONTOUR
from lib.errors import InputError
from network.contour.architecture import NANO
from network.contour.weights import network_from_state

CARD = ContourCard("nano", class_names=("a", "b", "c"), category_ids=(1, 2, 3))
OTHER = EvolutionSettings(step=0.01, max_steps=4, iterations=2, vertices=64, adaptive=False)


def learning(out: Path, training: str, weights: Path | None, **train_settings: object) -> Config:
    config = tiny(out, epochs=1, eval_every=1, **train_settings)
    sharp = SharpSettings(training=training, points=16)  # type: ignore[arg-type]
    return replace(config, model=replace(config.model, weights=weights, sharp=sharp))


# Weights


def test_the_weights_say_whether_there_is_the_stage() -> None:
    for movement in (None, "classify", "offset"):
        state = random_network(sharp=movement).state_dict()
        network = network_from_state(state, name="w", architecture=NANO)
        assert (network.sharp and network.sharp.movement) == movement
        assert list(network.state_dict()) == list(state)
        assert (network.stage_names[-1] == "sharp") == (movement is not None)


def test_nothing_else_changes() -> None:
    """Names, order and random start of all other weights, and what they find."""
    without, network = random_network().eval(), random_network(sharp="classify").eval()
    state, plain = network.state_dict(), without.state_dict()
    assert list(state)[: len(plain)] == list(plain)
    assert all(key.startswith("sharp.") for key in state if key not in plain)
    assert all(torch.equal(value, state[key]) for key, value in plain.items())
    with torch.no_grad():
        first, second = without(random_images(2, 64)), network(random_images(2, 64))
    assert torch.equal(first.scores, second.scores)
    assert all(torch.equal(a, b) for a, b in zip(first.contours, second.contours, strict=True))


def test_a_card_keeps_how_contours_move(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    card = replace(CARD, evolution=OTHER, stage="sharp")
    save_weights(path, random_network(sharp="classify"), card)
    _, found = load_weights(path)
    assert found == card


def test_cards_from_before_there_was_the_stage() -> None:
    old = json.loads(json.dumps(asdict(CARD)))
    del old["evolution"]
    assert ContourCard.from_json(old, name="w").evolution == EvolutionSettings()


@pytest.mark.parametrize(
    "evolution",
    [{"step": -1}, {"step": "far"}, {"unknown": 3}, {"adaptive": 2}, 7, {"vertices": 1}],
)
def test_damaged_evolutions_are_refused(evolution: object) -> None:
    card = json.loads(json.dumps(asdict(CARD))) | {"evolution": evolution}
    with pytest.raises(InputError, match="w: its description is damaged"):
        ContourCard.from_json(card, name="w")


# On demand


def test_who_asks_for_another_stage_does_not_wait_for_it() -> None:
    network = random_network(sharp="classify")
    predictor = Predictor(network, replace(CARD, score_threshold=0.0, max_detections=4))
    runs: list[int] = []
    sharp = predictor.network.sharpening
    assert sharp is not None
    sharp.register_forward_hook(lambda *_: runs.append(1))
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    (found,) = predictor.predict_stages([image], stages=("init", "refine2"))
    assert not runs and set(found) == {"init", "refine2"}
    (found,) = predictor.predict_stages([image], stages=("refine2", "sharp"))
    assert len(runs) == 1
    assert len(found["sharp"].parts[0][0]) == 128, "as many vertices as the evolution wants"
    assert len(found["refine2"].parts[0][0]) == 32


def test_the_card_s_numbers_are_those_that_contours_move_by() -> None:
    network = random_network(sharp="classify")
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    card = replace(CARD, score_threshold=0.0, max_detections=4, stage="sharp")
    counts = []
    for evolution in (EvolutionSettings(), OTHER):
        result = Predictor(network, replace(card, evolution=evolution)).predict(image)
        counts.append({len(part) for parts in result.parts for part in parts})
    assert counts == [{128}, {64}]


def test_an_image_without_objects_has_the_stage_too() -> None:
    network = random_network(sharp="classify")
    torch.nn.init.constant_(network.heatmap[2].bias, -50.0)
    found = Predictor(network, replace(CARD, stage="sharp")).predict(
        np.zeros((64, 64, 3), np.uint8)
    )
    assert len(found) == 0


# Training


@pytest.mark.usefixtures("fresh_accelerator")
def test_alone_it_leaves_everything_else_as_it_was(weights: Path, tmp_path: Path) -> None:
    """Weights and statistics, bit for bit, also in the moving average that is evaluated."""
    config = learning(tmp_path, "alone", weights)
    train(config)
    before = load_file(weights)
    for name in ("weights.safetensors", "last/weights.safetensors"):
        after = load_file(tmp_path / "synthetic" / name)
        assert all(torch.equal(value, after[key]) for key, value in before.items())
        new = {key: value for key, value in after.items() if key not in before}
        assert all(key.startswith("sharp.") for key in new)
        # The controller starts with biases of 0 in its last layer's hidden parts.
        assert new["sharp.classifier.controller.4.bias"].count_nonzero() > 0.9 * len(
            new["sharp.classifier.controller.4.bias"]
        ), "and it has learned"


@pytest.mark.usefixtures("fresh_accelerator")
def test_jointly_on_weights_that_lack_it(weights: Path, tmp_path: Path) -> None:
    train(learning(tmp_path, "joint", weights))
    before, after = load_file(weights), load_file(tmp_path / "synthetic/last/weights.safetensors")
    assert not torch.equal(before["heatmap.2.weight"], after["heatmap.2.weight"])
    network, _ = load_weights(tmp_path / "synthetic/last/weights.safetensors")
    assert network.stage_names[-1] == "sharp"
    latest = json.loads((tmp_path / "synthetic/metrics.json").read_text())["latest"]
    assert "stages/sharp" in latest


def test_alone_wants_weights(tmp_path: Path) -> None:
    ending = call("train.py", *TINY, "--model.sharp.training", "alone", "--out", tmp_path)
    assert_one_line_error(ending, "alone", "--model.weights")


def test_alone_wants_weights_that_lack_nothing_else(weights: Path, tmp_path: Path) -> None:
    """A detector that starts at random and is frozen would find nothing, whatever the stage learns:
    other classes than those of the data, or part votes that the weights lack."""
    config = learning(tmp_path, "alone", weights)
    classes = build_model(config, 3).num_classes
    with pytest.raises(InputError, match=f"know {classes} classes, the data have 5"):
        build_model(config, 5)
    votes = replace(config, model=replace(config.model, multi_component=True))
    with pytest.raises(InputError, match="no part votes"):
        build_model(votes, 3)
    octagon = replace(config, model=replace(config.model, initial="box_octagon"))
    with pytest.raises(InputError, match="begin contours in another way"):
        build_model(octagon, 3)
    jointly = replace(votes, model=replace(votes.model, sharp=SharpSettings(training="joint")))
    assert build_model(jointly, 5).part_votes is not None


# Front doors


@pytest.mark.usefixtures("elsewhere")
def test_evaluation_of_the_stage_by_name(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(path, random_network(sharp="classify"), CARD)
    ending = call("test.py", *TINY, "--weights", path, "--stage", "sharp")
    assert ending.status == 0, ending
    summary = json.loads(Path("runs/synthetic/val-sharp/metrics.json").read_text())
    assert summary["stage"] == "sharp"
    assert summary["metrics"]["segm/AP"] == summary["metrics"]["stages/sharp"]


@pytest.mark.usefixtures("elsewhere")
def test_a_network_without_the_stage_refuses_it(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(path, random_network(), CARD)
    ending = call("test.py", *TINY, "--weights", path, "--stage", "sharp")
    assert_one_line_error(ending, "sharp", "init, coarse, refine1, refine2")


def test_evaluation_settings_reach_the_card(tmp_path: Path) -> None:
    config = replace(tiny(tmp_path), eval=EvalConfig(evolution=OTHER))
    assert CONTOUR.card_fields(config)["evolution"] == OTHER
