"""Contours of the stage sharp end where their image ends, not where the network's input does."""

from __future__ import annotations

import numpy as np
import torch
from random_networks import random_network

from dataset.transforms.test_transform import TestView
from e2ec.engine.predict.predictor import Predictor
from e2ec.families.contour.card import ContourCard
from network.contour.e2ec import E2EC
from network.sharp.settings import EvolutionSettings

EVOLUTION = EvolutionSettings(step=0.1, max_steps=10, iterations=3, vertices=32)
OBJECT = torch.tensor([[40.0, 60.0], [80.0, 60.0], [80.0, 101.75], [40.0, 101.75]])
"""In the input; in the image that lies across it reaches the border."""


def greedy_network() -> E2EC:
    """One whose point classifier calls everything inside."""
    network = random_network(sharp="classify").eval()
    assert network.sharp is not None
    last = network.sharp.classifier.controller[-1]
    with torch.no_grad():
        last.weight.zero_()
        last.bias.zero_()
        last.bias[-1] = -9.0
    return network


def test_in_a_letterbox_contours_do_not_run_into_the_padding() -> None:
    """Images across and upright in one batch: each ends elsewhere in the input of 128 x 128."""
    card = ContourCard(
        "nano",
        class_names=("a", "b", "c"),
        category_ids=(1, 2, 3),
        view=TestView("letterbox", (128, 128)),
        max_detections=1,
        evolution=EVOLUTION,
    )
    predictor = Predictor(greedy_network(), card)
    predictor.network.outline = lambda _, centers, *rest: (
        {"init": OBJECT.repeat(len(centers), 1, 1)},
        None,
    )
    shapes = [(60, 100), (100, 60)]
    results = predictor.predict_stages(
        [np.zeros((*shape, 3), np.uint8) for shape in shapes],
        stages=("init", "sharp"),
        score_threshold=0.0,
    )
    # What is certain steps by 0.1 x sqrt(40 x 41.75) x 0.5 pixels of the input, 1.28 an image's.
    step = 0.1 * (40 * 41.75) ** 0.5 * 0.5 / 1.28
    for (height, width), result in zip(shapes, results, strict=True):
        ((given,),), ((found,),) = result["init"].parts, result["sharp"].parts
        assert (given >= 0).all() and (given <= (width, height)).all()
        assert (found.min(0) >= -step).all() and (found.min(0) < 0).all()
        assert (found.max(0) <= np.add((width, height), step)).all()
        assert (found.max(0) > (width, height)).all(), "they grow until the border stops them"
