"""Contours at the labels' own centres."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from random_networks import random_network
from torch import Tensor

from dataset.loading.sample import Instance, Sample
from dataset.transforms.test_transform import TestView
from e2ec.bench.studies.center_iou import center_iou, polygon_iou
from e2ec.engine.weights.checkpoint import save_weights
from e2ec.families.contour.card import ContourCard
from network.contour.e2ec import E2EC

CARD = ContourCard("nano", ("a", "b", "c"), (1, 2, 3), view=TestView("pad", multiple=32))
SQUARE = np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0]])
SHIFTED = np.array([[5.0, 0.0], [15.0, 0.0], [15.0, 10.0], [5.0, 10.0]])


def test_the_iou_of_polygons_by_hand() -> None:
    """Shifted by half: 1/3; apart: 0; wherever they lie; half a pixel counts."""
    assert polygon_iou(SQUARE, SHIFTED) == pytest.approx(1 / 3)
    assert polygon_iou(SQUARE - 700, SHIFTED - 700) == pytest.approx(1 / 3)
    assert polygon_iou(SQUARE, SQUARE + 50) == 0
    assert polygon_iou(SQUARE, SQUARE * np.array([1, 0.95])) == pytest.approx(0.95)


def square(x: float, y: float, side: float) -> Instance:
    corners = np.array([[x, y], [x + side, y], [x + side, y + side], [x, y + side]], np.float64)
    return Instance(0, [corners], 1)


def sample(*instances: Instance) -> Sample:
    return Sample(1, "a.png", np.zeros((64, 96, 3), np.uint8), list(instances))


def test_every_label_counts_once_wherever_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Squares of 16 and 12 pixels whose middles are at corners of cells, an image without any, and
    one too small to be learned. The network answers with squares of 16 pixels around the middles,
    then with their right halves: IoUs of 1 and 144 / 256, of 1/2 and 72 / (128 + 144 - 72)."""
    path = tmp_path / "w.safetensors"
    save_weights(path, random_network(), CARD)
    shown: list[list[list[int]]] = []

    def fixed(self: E2EC, images: Tensor, centers: Tensor, index: Tensor) -> object:
        assert images.shape[0] == 1 and not self.training and not index.any()
        shown.append(centers.tolist())
        box = torch.tensor([[-8.0, -8.0], [8.0, -8.0], [8.0, 8.0], [-8.0, 8.0]])
        right = box.clamp(min=torch.tensor([0.0, -8.0]))
        middle = 4.0 * centers[:, None]
        return SimpleNamespace(stages={"init": middle + box, "refine1": middle + right})

    monkeypatch.setattr(E2EC, "forward", fixed)
    images = [
        sample(square(16, 16, 16), square(58, 38, 12)),
        sample(),
        sample(square(32, 24, 16), square(80, 8, 2)),
    ]
    found = center_iou(path, images)  # type: ignore[arg-type]
    assert shown == [[[6, 6], [16, 11]], [[10, 8]]]
    assert found["init"] == pytest.approx(100 * (1 + 0.5625 + 1) / 3)
    assert found["refine1"] == pytest.approx(100 * (0.5 + 0.36 + 0.5) / 3)


def test_all_stages_of_a_network(tmp_path: Path) -> None:
    """Whatever the detector would find; the images are normalised, so that numbers are finite."""
    path = tmp_path / "w.safetensors"
    network = random_network()
    save_weights(path, network, CARD)
    found = center_iou(path, [sample(square(16, 16, 16))])  # type: ignore[arg-type]
    assert list(found) == list(network.stage_names)
    assert all(np.isfinite(value) for value in found.values())
