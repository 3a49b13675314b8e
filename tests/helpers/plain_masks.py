"""Masks to try losses of masks on."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor


def random_masks(count: int, height: int, width: int) -> np.ndarray:
    """Polygons filled one over the other, set or not: with holes, parts, single pixels, cut by the
    border, empty and full."""
    rng = np.random.default_rng(0)
    masks = np.zeros((count, height, width), np.uint8)
    for number, mask in enumerate(masks):
        for layer in range(int(rng.integers(1, 5))):
            middle, spread = rng.uniform(-5, max(height, width) + 5, 2), rng.uniform(0.5, 15)
            points = middle + spread * rng.normal(size=(int(rng.integers(3, 9)), 2))
            value = int(layer == 0 or rng.random() < 0.6)
            cv2.fillPoly(mask, [points.round().astype(np.int32)], value)
        if number % 50 == 0:
            mask[:] = number % 100 == 0
    return masks


def centers(size: int) -> tuple[Tensor, Tensor]:
    grid = torch.arange(size) + 0.5
    return grid[None, :], grid[:, None]


def disc(size: int, x: Tensor, y: Tensor, radius: float) -> Tensor:
    """Signed distances (1, size, size) of pixels to a circle, positive inside."""
    grid_x, grid_y = centers(size)
    return (radius - ((grid_x - x) ** 2 + (grid_y - y) ** 2).sqrt())[None]


def shifted_discs(shifts: list[float]) -> Tensor:
    """Masks (n, 48, 48) of a disc of radius 12."""
    middle = torch.tensor(24.0)
    return torch.cat([disc(48, middle + shift, middle, 12.0) > 0 for shift in shifts])


def iou(first: Tensor, second: Tensor) -> float:
    return ((first & second).sum() / (first | second).sum()).item()
