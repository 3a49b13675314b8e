"""The loss of predicted IoUs, and the IoUs that it is told."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely
import torch
from torch import Tensor

from e2ec.losses.contour_iou import contour_iou_loss, contour_ious

SQUARE = torch.tensor([[[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0]]])


def blobs(count: int, vertices: int, seed: int) -> Tensor:
    """(count, vertices, 2): star-shaped, around (50, 50) and not far from it."""
    rng = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    radius = rng.uniform(15, 25, (count, 1)) * (1 + 0.3 * np.sin(3 * angle + rng.uniform(0, 6)))
    ray = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return torch.from_numpy(rng.uniform(45, 55, (count, 1, 2)) + radius[..., None] * ray)


def test_ious_are_those_of_the_polygons() -> None:
    """shapely's, to what a grid of 128 cells can tell; the numbers of vertices may differ."""
    first, second = blobs(8, 32, 0), blobs(8, 24, 1)
    expected = [
        one.intersection(other).area / one.union(other).area
        for one, other in zip(shapely.polygons(first), shapely.polygons(second), strict=True)
    ]
    assert min(expected) < 0.6 < 0.75 < max(expected)
    assert contour_ious(first, second, grid=128).tolist() == pytest.approx(expected, abs=0.02)
    assert contour_ious(first, second).tolist() == pytest.approx(expected, abs=0.06)


def test_ious_by_hand() -> None:
    """On 32 cells across 20 pixels the half square ends between two cells."""
    half = SQUARE * torch.tensor([0.5, 1.0])
    assert contour_ious(SQUARE, SQUARE).tolist() == [1.0]
    assert contour_ious(SQUARE, half).tolist() == [0.5]
    assert contour_ious(SQUARE, SQUARE + 100).tolist() == [0.0]
    point = torch.zeros(1, 4, 2)
    assert contour_ious(point, point).tolist() == [0.0], "nothing is covered"
    assert contour_ious(SQUARE[:0], SQUARE[:0]).tolist() == []


def test_the_loss_by_hand() -> None:
    """Two contours at two stages; p = 3/4 has the logit ln 3."""
    half = SQUARE * torch.tensor([0.5, 1.0])
    stages = {"init": torch.cat([half, SQUARE]), "coarse": torch.cat([SQUARE, SQUARE])}
    label = torch.cat([SQUARE, SQUARE])
    logits = {
        "init": torch.tensor([math.log(3.0), 0.0]),
        "coarse": torch.tensor([math.log(3.0), 0.0]),
    }
    half_right = -0.5 * math.log(0.75) - 0.5 * math.log(0.25)  # the IoU is 0.5
    right, even = -math.log(0.75), -math.log(0.5)  # it is 1
    expected = (half_right + even + right + even) / 2
    assert contour_iou_loss(logits, stages, label).item() == pytest.approx(expected, rel=1e-5)


def test_the_true_iou_is_where_the_loss_is_least_and_contours_feel_nothing() -> None:
    contours = (SQUARE * torch.tensor([0.5, 1.0])).requires_grad_()
    logits = torch.zeros(1, requires_grad=True)
    contour_iou_loss({"init": logits}, {"init": contours}, SQUARE).backward()
    assert logits.grad is not None and logits.grad.item() == 0.0 and contours.grad is None
