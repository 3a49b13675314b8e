"""Jagged contours mended at prediction: by stage, through every front door, refused elsewhere."""

from __future__ import annotations

import itertools
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from front_doors import TINY, assert_usage_error, call, write_picture
from random_networks import random_network
from tiny_family import TINY as TINY_FAMILY
from tiny_run import tiny

from e2ec.app.commands.mending_options import change_mending
from e2ec.config import EvalConfig, MendingSettings
from e2ec.engine.predict.predictor import Predictor
from e2ec.engine.weights.checkpoint import save_weights
from e2ec.families.contour.card import ContourCard
from e2ec.families.contour.family import CONTOUR
from e2ec.families.contour.mending import mend, stages_needed
from e2ec.families.refiner.family import REFINER
from e2ec.families.unused_settings import refuse_mending
from e2ec.results.contours import Contours
from e2ec.results.postprocess.reversal_filter import fall_back
from e2ec.results.postprocess.smooth_contours import resample, smooth
from lib.errors import InputError
from lib.polygons.turning import count_reversals

STAGES = ("init", "coarse", "refine1", "refine2")
CARD = ContourCard(
    "nano",
    class_names=("a", "b", "c"),
    category_ids=(1, 2, 3),
    score_threshold=0.0,
    max_detections=8,
)
STRICT = MendingSettings(reversal_factor=1.0, least_reversals=1)
MENDED = replace(CARD, contour_filter=True, contour_smoothing="smooth", contour_mending=STRICT)
IMAGE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
SQUARE = np.array([[0, 0], [4, 0], [8, 0], [8, 4], [8, 8], [4, 8], [0, 8], [0, 4]], float)
JAGGED = SQUARE[[0, 2, 1, 3, 4, 5, 6, 7]]  # two reversals


def predictor(card: ContourCard, **options: Any) -> Predictor:
    """Of a random network whose refinements make contours jagged."""
    network = random_network(**options)
    with torch.no_grad():
        for snake in network.refinement.snakes:
            snake.prediction[-1].weight.mul_(100)
    return Predictor(network.eval(), card)


def rings(found: Contours) -> np.ndarray:
    return np.stack([parts[0] for parts in found.parts])


# Stages


def test_what_became_jagged_falls_back_through_the_stages() -> None:
    """refine1 has no more reversals than coarse, but coarse has fallen back to init; refine2, of
    which nothing is wrong, stays."""
    contours = {
        "init": SQUARE[None],
        "coarse": JAGGED[None] + 1,
        "refine1": JAGGED[None] + 2,
        "refine2": SQUARE[None] + 3,
    }
    found = mend(contours, STAGES, replace(CARD, contour_filter=True, contour_mending=STRICT))
    for stage in STAGES[:3]:
        np.testing.assert_array_equal(found[stage], SQUARE[None])
    np.testing.assert_array_equal(found["refine2"], SQUARE[None] + 3)


def test_without_settings_nothing_is_touched() -> None:
    contours = {"coarse": JAGGED[None]}
    assert mend(contours, STAGES, CARD)["coarse"] is contours["coarse"]
    assert stages_needed(["sharp", "coarse"], STAGES, CARD) == ["coarse", "sharp"]


def test_the_filter_needs_the_stages_before() -> None:
    card = replace(CARD, contour_filter=True)
    assert stages_needed(["refine1"], STAGES, card) == ["init", "coarse", "refine1"]
    assert stages_needed(["init", "sharp"], STAGES, card) == ["init", "sharp"]


# Predictions


def test_the_filter_of_a_prediction_is_that_of_its_stages() -> None:
    plain = predictor(CARD).predict_stages([IMAGE])[0]
    expected = {"init": rings(plain["init"])}
    for before, stage in itertools.pairwise(STAGES):
        expected[stage] = fall_back(rings(plain[stage]), expected[before], factor=1.0, least=1)
    card = replace(CARD, contour_filter=True, contour_mending=STRICT)
    found = predictor(card).predict_stages([IMAGE])[0]
    for stage in STAGES:
        np.testing.assert_allclose(rings(found[stage]), expected[stage], atol=1e-3)
    fallen = (expected["refine2"] != rings(plain["refine2"])).any(axis=(1, 2))
    assert fallen.any()
    assert (
        count_reversals(expected["refine2"]).sum() < count_reversals(rings(plain["refine2"])).sum()
    )


@pytest.mark.parametrize("mending", ["resample", "smooth"])
def test_smoothing_reaches_predictions_of_every_stage(mending: Any) -> None:
    plain = predictor(CARD, sharp="classify").predict_stages([IMAGE])[0]
    card = replace(CARD, contour_smoothing=mending)
    found = predictor(card, sharp="classify").predict_stages([IMAGE])[0]
    assert tuple(found) == (*STAGES, "sharp")
    how = resample if mending == "resample" else smooth
    for stage, contours in found.items():
        # The view only shifts, and single precision comes before.
        np.testing.assert_allclose(rings(contours), how(rings(plain[stage])), atol=1e-3)
        assert np.abs(rings(contours) - rings(plain[stage])).max() > 0.01


def test_a_stage_alone_is_as_it_is_among_all() -> None:
    model = predictor(MENDED, sharp="classify")
    for stage, expected in model.predict_stages([IMAGE])[0].items():
        alone = model.predict(IMAGE, stage=stage, score_threshold=0.0)
        np.testing.assert_allclose(rings(alone), rings(expected), atol=1e-9)


def test_an_image_without_detections() -> None:
    assert len(predictor(MENDED).predict(IMAGE, score_threshold=1.0)) == 0


# Cards and settings


def test_a_card_comes_back_and_older_ones_leave_contours_as_they_are() -> None:
    written = json.loads(json.dumps(asdict(MENDED)))
    assert ContourCard.from_json(written, name="w") == MENDED
    older = {k: v for k, v in written.items() if not k.startswith("contour_")}
    assert ContourCard.from_json(older, name="w") == CARD


@pytest.mark.parametrize(
    "wrong",
    [
        {"contour_filter": 1},
        {"contour_smoothing": "median"},
        {"contour_mending": {"corner_angle": 0}},
        {"contour_mending": {"angle": 45}},
        {"contour_mending": {"smoothing_steps": "three"}},
    ],
)
def test_damaged_cards_are_refused(wrong: dict[str, Any]) -> None:
    written = json.loads(json.dumps(asdict(MENDED))) | wrong
    with pytest.raises(InputError, match=r"w: its description is damaged"):
        ContourCard.from_json(written, name="w")


def test_settings_out_of_range() -> None:
    for wrong in (
        {"reversal_factor": 0.5},
        {"least_reversals": 0},
        {"smoothing_steps": 0},
        {"corner_angle": 181.0},
    ):
        with pytest.raises(ValueError, match=f"eval.contour_mending.{next(iter(wrong))}"):
            MendingSettings(**wrong)  # type: ignore[arg-type]


def test_settings_reach_the_card(tmp_path: Path) -> None:
    settings = EvalConfig(contour_filter=True, contour_smoothing="smooth", contour_mending=STRICT)
    fields = CONTOUR.card_fields(replace(tiny(tmp_path), eval=settings))
    assert replace(CARD, **fields) == MENDED


# Front doors


@pytest.mark.usefixtures("elsewhere")
def test_evaluation_mends_by_the_settings(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(path, random_network(), CARD)
    segments = []
    for more in ((), ("--eval.contour-filter", "--eval.contour-smoothing", "smooth")):
        ending = call("test.py", *TINY, "--weights", path, "--out", tmp_path / "out", *more)
        assert ending.status == 0, ending
        segments.append((tmp_path / "out" / "results.json").read_text())
    said = json.loads((tmp_path / "out" / "config.json").read_text())["eval"]
    assert said["contour_filter"] is True and said["contour_smoothing"] == "smooth"
    assert segments[0] != segments[1]
    ending = call("test.py", *TINY, "--weights", path, "--eval.contour-smoothing", "smoth")
    assert_usage_error(ending, "smoth", "smooth")


@pytest.mark.usefixtures("elsewhere")
def test_the_demonstration_mends_by_its_options(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(path, random_network(), CARD)
    picture = write_picture(tmp_path / "picture.png")
    words = ["--weights", path, "--source", picture, "--out", tmp_path / "out", "--score", 0]
    found = []
    for more in ((), ("--contour-smoothing", "resample"), ("--contour-filter", "True")):
        ending = call("demo.py", *words, *more)
        assert ending.status == 0, ending
        found.append(json.loads((tmp_path / "out" / "contours.json").read_text())["images"])
    assert found[0] != found[1]


def test_families_without_such_contours_refuse(tmp_path: Path) -> None:
    for settings in (EvalConfig(contour_filter=True), EvalConfig(contour_smoothing="resample")):
        config = replace(tiny(tmp_path), eval=settings)
        with pytest.raises(InputError, match=r"eval.contour_.* family mask; leave it out"):
            refuse_mending(config.eval, "mask")
        with pytest.raises(InputError, match=r"eval.contour_.* family refiner; leave it out"):
            REFINER.card_fields(config)
    refuse_mending(tiny(tmp_path).eval, "mask")


def test_the_demonstration_of_another_family_refuses() -> None:
    model = Predictor.__new__(Predictor)
    model.family, model.card = TINY_FAMILY, None  # type: ignore[assignment]
    change_mending(model, contour_filter=None, contour_smoothing=None)
    with pytest.raises(InputError, match=r"--contour-smoothing: .*leave it out"):
        change_mending(model, contour_filter=None, contour_smoothing="smooth")
