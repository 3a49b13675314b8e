"""Boxes and other beginnings of contours: settings, losses, training, weights files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tiny_run import tiny

import e2ec
from configs.synthetic import get_config
from e2ec.config import Config, LossConfig, ModelConfig, RefinerConfig
from e2ec.engine.train import build
from e2ec.engine.train.run import train
from e2ec.engine.weights.checkpoint import load_weights, save_weights
from e2ec.families.contour.auto.start_weights import adopt, read_start_weights
from e2ec.families.contour.card import ContourCard
from e2ec.families.contour.family import CONTOUR
from e2ec.losses.box import box_loss
from e2ec.losses.total import TotalLoss
from e2ec.named_settings import with_settings
from lib.errors import InputError
from network.contour.architecture import NANO
from network.contour.contour_start import ContourStart
from network.contour.e2ec import build_network
from network.contour.weights import untransferred_start

BASELINE = {
    "model.initial": "box_octagon",
    "model.global_deformation": False,
    "data.targets.pairing": "nearest",
}
SQUARE = torch.tensor([[[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0]]])


def test_the_loss_of_a_box_by_hand() -> None:
    """11 wide in place of 10, and 10.5 high: (1 - 0.5 + 0.5 * 0.5^2) / 2, wherever it lies."""
    predicted = SQUARE * torch.tensor([1.1, 1.05]) + 300
    assert box_loss(predicted, SQUARE).item() == pytest.approx((0.5 + 0.125) / 2, rel=1e-4)


@pytest.mark.parametrize("boxes", [False, True])
def test_without_a_coarse_stage_the_others_have_their_losses(boxes: bool) -> None:
    """The last refinement is matched on the contour before it: the initial one, if it is alone."""
    moved = SQUARE + torch.tensor([1.0, 0.0])
    output = SimpleNamespace(
        stages={"init": moved, "refine1": SQUARE},
        heatmap=torch.zeros(1, 1, 2, 2),
        object_centers=None,
    )
    batch = SimpleNamespace(
        ignored_cells=None,
        contours=SQUARE,
        keys=torch.ones(1, 4, dtype=torch.bool),
        heatmaps=torch.ones(1, 1, 2, 2),
    )
    loss = TotalLoss(LossConfig(matching_start_epoch=0), boxes=boxes)
    found = loss(output, batch, torch.tensor([1.0, 1.0, 4.0]), epoch=0)  # type: ignore[arg-type]
    assert list(found) == ["center", "initial", "refinement", "total"]
    # One pixel to the right: 0.5 at half of the coordinates; the box is as large as it should be.
    assert found["initial"].item() == pytest.approx(0 if boxes else 0.25)
    assert found["refinement"].item() < 0.5


@pytest.mark.parametrize(
    "settings",
    [
        BASELINE,
        {"model.initial": "box_ellipse", "model.global_hidden": 24},
        {"model.global_activation": "relu", "model.refinements": 1},
    ],
)
def test_a_run_trains_and_its_weights_say_how_they_begin(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    config = with_settings(tiny(tmp_path, epochs=1, eval_every=1), settings)
    train(config)
    run = tmp_path / config.name
    model = e2ec.load_model(run / "weights.safetensors", device="cpu")
    assert model.card.start == config.model.start  # type: ignore[attr-defined]
    assert ("coarse" in model.stages) == config.model.global_deformation  # type: ignore[attr-defined]
    metrics = json.loads((run / "metrics.json").read_text())["latest"]
    assert [key for key in metrics if key.startswith("stages/")] == [
        f"stages/{stage}" for stage in model.stages
    ]
    found = model.predict(torch.randint(0, 255, (64, 64, 3), dtype=torch.uint8).numpy())
    assert found is not None
    # Another beginning starts from what can be taken of these weights.
    other = replace(get_config(), name="other", out=tmp_path)
    other = with_settings(other, {"model.weights": run / "weights.safetensors"})
    # The number of vertices comes with them, also of boxes.
    assert read_start_weights(run / "weights.safetensors").vertices == config.data.targets.vertices
    network, source = CONTOUR.build(other, 3), load_weights(run / "weights.safetensors")[0]
    left = CONTOUR.untransferred(source, network)
    kept = {k: v.shape for k, v in source.state_dict().items() if not k.startswith(left)}
    own = {k: v.shape for k, v in network.state_dict().items() if not k.startswith(left)}
    own = {k: v for k, v in own.items() if not k.startswith("refinement.")}
    assert own == {k: v for k, v in kept.items() if not k.startswith("refinement.")}


def test_another_activation_is_another_deformation() -> None:
    plain, relu = (
        build_network(
            num_classes=1,
            vertices=8,
            architecture=NANO,
            start=ContourStart(global_activation=kind),
        )
        for kind in ("none", "relu")
    )
    assert untransferred_start(plain, relu) == ("global_deformation.",)
    assert untransferred_start(relu, relu) == ()


def test_cards_of_earlier_files_begin_as_the_paper() -> None:
    card = ContourCard("nano", ("a",), (1,))
    written = json.loads(card.to_metadata("contour")["card"])
    assert ContourCard.from_json(written, name="w") == card
    del written["start"], written["box_vertices"]
    assert ContourCard.from_json(written, name="w") == card
    for damage in ({"initial": "box"}, {"global_deformation": 1}, {"more": 1}):
        with pytest.raises(InputError, match="description is damaged"):
            ContourCard.from_json(written | {"start": damage}, name="w")
    start = ContourStart("box_ellipse", global_deformation=False)
    other = replace(card, start=start, box_vertices=64)
    written = json.loads(other.to_metadata("contour")["card"])
    assert ContourCard.from_json(written, name="w") == other


def test_settings_that_mean_nothing_together_are_refused() -> None:
    for wrong in ({"global_hidden": 0}, {"global_deformation": False, "global_hidden": 8}):
        with pytest.raises(ValueError, match=r"model\.global_hidden"):
            ModelConfig(**wrong)
    with pytest.raises(ValueError, match=r"model\.global_activation"):
        ModelConfig(global_deformation=False, global_activation="relu")
    for wrong in ({"initial": "box_octagon"}, {"global_deformation": False}):
        with pytest.raises(ValueError, match="a refiner has none"):
            RefinerConfig(**wrong)
    config: Config = with_settings(
        get_config(), {"model.initial": "box_octagon", "data.targets.vertices": 66}
    )
    with pytest.raises(InputError, match="multiple of 4 vertices"):
        CONTOUR.build(config, 1)


def test_the_stage_that_is_not_there_is_refused_at_once() -> None:
    config = with_settings(get_config(), BASELINE | {"eval.stage": "coarse"})
    with pytest.raises(InputError, match="this network has init, refine1, refine2"):
        CONTOUR.build(config, 1)


@pytest.mark.parametrize(
    "settings",
    [BASELINE, {"model.global_hidden": 24}, {"model.global_activation": "relu"}],
)
def test_what_is_not_asked_for_is_as_in_the_weights(
    tmp_path: Path, settings: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """So nothing of them is lost; another beginning that is asked for is random, and named."""
    config = with_settings(get_config(), settings)
    path = tmp_path / "w.safetensors"
    network = CONTOUR.build(config, 3)
    fields = CONTOUR.network_fields(config)
    save_weights(path, network, ContourCard("nano", ("a", "b", "c"), (1, 2, 3), **fields))
    usual = with_settings(get_config(), {"model.weights": path})
    chosen = adopt(usual, read_start_weights(path), ())
    assert chosen.model.start == config.model.start  # type: ignore[attr-defined]
    assert chosen.model.global_hidden == config.model.global_hidden  # type: ignore[attr-defined]
    state = build.build_model(chosen, 3).state_dict()
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())
    assert not caplog.records
    asked = adopt(
        with_settings(usual, {"model.initial": "box_ellipse", "model.global_hidden": 16}),
        read_start_weights(path),
        (),
    )
    assert asked.model.initial == "box_ellipse"  # type: ignore[attr-defined]
    build.build_model(asked, 3)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(f"{path}: ") and line.endswith("global_deformation")
