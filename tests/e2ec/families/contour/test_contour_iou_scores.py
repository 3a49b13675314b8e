"""Scores with the predicted IoU: training, files, prediction."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from random_networks import random_network
from tiny_run import tiny

from dataset.transforms.test_transform import TestView
from e2ec.config import EvalConfig, LossConfig, RefinerConfig
from e2ec.engine.predict.predictor import Predictor
from e2ec.engine.train.build import build_model
from e2ec.engine.train.run import train
from e2ec.engine.weights.checkpoint import load_weights, save_weights
from e2ec.families.contour.card import ContourCard
from e2ec.families.contour.family import CONTOUR
from e2ec.families.contour.final_scores import final_scores, least_center_score
from e2ec.named_settings import with_settings
from network.contour.contour_network import NetworkOutput
from network.contour.e2ec import E2EC

CARD = ContourCard(
    architecture="nano",
    class_names=tuple("abc"),
    category_ids=(1, 2, 3),
    view=TestView("pad"),
    score_threshold=0.0,
    max_detections=20,
)
IMAGE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)


def output(scores: list[float], logit: float | None) -> NetworkOutput:
    nothing = torch.zeros(len(scores))
    return NetworkOutput(
        heatmap=torch.zeros(1, 1, 1, 1),
        image_index=nothing.long(),
        classes=nothing.long(),
        scores=torch.tensor(scores),
        centers=torch.zeros(len(scores), 2, dtype=torch.int64),
        stages={},
        judge=None if logit is None else lambda contours: contours[:, 0, 0] * 0 + logit,
    )


def test_final_scores_by_hand() -> None:
    """An IoU of 1/4 has the logit -ln 3."""
    contours = [torch.zeros(2, 4, 2)]
    logit = -float(np.log(3))
    for power, expected in ((0.5, [0.4, 0.1]), (1.0, [0.25, 0.25]), (0.0, [0.64, 0.04])):
        (found,) = final_scores(output([0.64, 0.04], logit), contours, power)
        assert found == pytest.approx(expected)
    (found,) = final_scores(output([0.64, 0.04], None), contours, 0.5)
    assert found == pytest.approx([0.64, 0.04])


@pytest.mark.parametrize("power", [0.0, 0.25, 0.5, 1.0])
def test_no_score_below_the_least_one_can_reach_the_threshold(power: float) -> None:
    least = least_center_score(0.3, power)
    below, best = least * 0.999, 1.0 if power > 0 else 0.0
    assert power == 1 or below ** (1 - power) * best**power < 0.3
    assert max(least, 1e-300) ** (1 - power) == pytest.approx(0.3 if power < 1 else 1.0)


def random_predictor(**card: object) -> tuple[Predictor, E2EC]:
    """Some contours are judged well, others badly."""
    network = random_network(contour_iou=True).eval()
    with torch.no_grad():
        network.contour_iou.contour[-1].weight.mul_(30)
    return Predictor(network, replace(CARD, **card)), network


def test_the_threshold_is_for_the_final_score() -> None:
    """What passes at a threshold is what has such a score among all; none of them is cut off."""
    predictor, network = random_predictor(max_detections=10_000)
    everything = predictor.predict(IMAGE, score_threshold=0.0)
    assert (np.diff(everything.scores) <= 0).all()
    own = Predictor(network, replace(CARD, iou_power=0.0, max_detections=10_000))
    plain = own.predict(IMAGE, score_threshold=0.0)
    threshold = float(np.median(everything.scores))
    assert (plain.scores < threshold).any() and (plain.scores > threshold).any()
    found = predictor.predict(IMAGE, score_threshold=threshold)
    assert found.scores.tolist() == everything.scores[everything.scores >= threshold].tolist()
    assert 0 < len(found) < len(everything) == len(plain)
    assert not np.allclose(np.sort(everything.scores), np.sort(plain.scores), atol=0.01)


def test_every_stage_is_judged_by_itself() -> None:
    """The same score whether other stages are asked for or not."""
    predictor, _ = random_predictor()
    together = predictor.predict_stages([IMAGE])[0]
    for stage, contours in together.items():
        alone = predictor.predict(IMAGE, stage=stage, score_threshold=0.0)
        assert alone.scores == pytest.approx(contours.scores, abs=1e-6) and len(alone) == 20
    assert not np.allclose(together["init"].scores, together["refine2"].scores)


def test_weights_tell_whether_there_is_the_head(tmp_path: Path) -> None:
    for wanted in (True, False):
        network = random_network(contour_iou=wanted)
        save_weights(tmp_path / "w.safetensors", network, replace(CARD, iou_power=0.25))
        loaded, card = load_weights(tmp_path / "w.safetensors")
        assert (loaded.contour_iou is not None) is wanted and card.iou_power == 0.25
        expected = network.state_dict()
        assert all(torch.equal(value, expected[key]) for key, value in loaded.state_dict().items())


def test_a_card_from_before_it_is_read() -> None:
    document = json.loads(CARD.to_metadata("contour")["card"])
    del document["iou_power"]
    assert ContourCard.from_json(document, name="old") == CARD


def test_it_starts_from_weights_without_it(tmp_path: Path) -> None:
    save_weights(tmp_path / "w.safetensors", random_network().eval(), CARD)
    settings = {
        "model.weights": tmp_path / "w.safetensors",
        "model.contour_iou": True,
        "data.targets.vertices": 32,
    }
    config = with_settings(tiny(tmp_path), settings)
    network = build_model(config, 3)
    left = CONTOUR.untransferred(random_network(), network)
    assert "contour_iou." in left and "heatmap.2." not in left
    assert "contour_iou." not in CONTOUR.untransferred(network, network)
    assert torch.equal(network.heatmap[2].weight, random_network().heatmap[2].weight)


@pytest.mark.usefixtures("fresh_accelerator")
def test_a_run_learns_it_and_its_weights_have_it(tmp_path: Path) -> None:
    settings = {"model.contour_iou": True, "eval.iou_power": 0.75, "train.epochs": 1}
    train(with_settings(tiny(tmp_path), settings))
    network, card = load_weights(tmp_path / "synthetic/weights.safetensors")
    assert network.contour_iou is not None and card.iou_power == 0.75
    torch.manual_seed(tiny(tmp_path).train.seed)
    start = CONTOUR.build(with_settings(tiny(tmp_path), settings), 3).contour_iou.state_dict()
    learned = network.contour_iou.state_dict()
    assert all(not torch.equal(value, learned[name]) for name, value in start.items())


def test_what_is_out_of_range_is_refused() -> None:
    for power in (-0.1, 1.1):
        with pytest.raises(ValueError, match="iou_power"):
            EvalConfig(iou_power=power)
        with pytest.raises(ValueError, match="iou_power"):
            replace(CARD, iou_power=power)
    with pytest.raises(ValueError, match="contour_iou_weight"):
        LossConfig(contour_iou_weight=-1.0)
    with pytest.raises(ValueError, match="contour_iou"):
        RefinerConfig(contour_iou=True)
