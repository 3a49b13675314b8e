"""Networks whose point classifier is told where the boundary is, or knows nothing at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from random_networks import random_network
from torch import Tensor

from dataset.transforms.test_transform import TestView
from e2ec.engine.predict.predictor import Predictor
from e2ec.families.contour.card import ContourCard
from network.sharp.classifier import PointClassifier
from network.sharp.evolution import Walk, walk_by_state
from network.sharp.settings import ClassifierSizes, EvolutionSettings

Outside = Callable[[Tensor], Tensor]
"""Points (r, P, 2), pixels of the image -> logits (r, P), above 0 outside."""


class KnownBoundary(PointClassifier):
    """Says of points what it has been told, whatever the image shows.

    Args:
        matrix: (2, 3), the map from the image to the input.
    """

    def __init__(self, channels: int, outside: Outside, matrix: np.ndarray) -> None:
        super().__init__(channels, stride=4, sizes=ClassifierSizes())
        self.outside = outside
        self.matrix = matrix

    def forward(
        self,
        fine: Tensor,
        parameters: Tensor,
        boxes: Tensor,
        points: Tensor,
        *rest: Any,
        **more: Any,
    ) -> Tensor:
        scale, offset = float(self.matrix[0, 0]), points.new_tensor(self.matrix[:, 2])
        return self.outside((points - offset) / scale)[..., None]

    def walk(
        self,
        fine: Tensor,
        parameters: Tensor,
        boxes: Tensor,
        image_index: Tensor,
        evolution: EvolutionSettings,
        extents: Tensor | None = None,
    ) -> Walk:
        """The operator for CPUs asks the parameters; this asks `forward`."""

        def state(points: Tensor) -> Tensor:
            phi = self(fine, parameters, boxes, points, image_index)[..., 0].sigmoid()
            return phi.masked_fill(~self.in_image(fine, points, image_index, extents), 1.0)

        def walk(contours: Tensor, normals: Tensor, resting: Tensor) -> tuple[Tensor, Tensor]:
            size = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1).sqrt()
            return walk_by_state(contours, normals, resting, state, size, evolution)

        return walk


def knows_nothing(points: Tensor) -> Tensor:
    """Neither inside nor outside: nothing moves."""
    return torch.zeros_like(points[..., 0])


def disc(x: float, y: float, radius: float) -> Outside:
    """One disc; sure within a pixel of its edge."""

    def outside(points: Tensor) -> Tensor:
        return 8 * ((points - points.new_tensor([x, y])).norm(dim=-1) - radius)

    return outside


def ring(x: float, y: float, inner: float, outer: float) -> Outside:
    """A disc with a round hole in its middle."""

    def outside(points: Tensor) -> Tensor:
        away = (points - points.new_tensor([x, y])).norm(dim=-1)
        return 8 * torch.maximum(away - outer, inner - away)

    return outside


def refiner(
    outside: Outside | None = None,
    *,
    zoom: float = 1.0,
    size: tuple[int, int] = (150, 200),
    **options: Any,
) -> Predictor:
    """A predictor with the stage sharp: with random weights, or told where the boundary is in
    images of this size (height, width)."""
    view = TestView("pad", zoom=zoom, multiple=32)
    network = random_network(sharp="classify")
    assert network.sharp is not None
    if outside is not None:
        channels = network.sharp.classifier.fine.in_channels
        network.sharp.classifier = KnownBoundary(channels, outside, view.geometry(*size)[1])
    card = ContourCard("nano", ("a", "b", "c"), (1, 2, 3), view=view)
    return Predictor(network.eval(), card, **options)
