"""SharpContour with classifiers that differ from place to place, and contours for it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from network.sharp.settings import ClassifierSizes, Movement
from network.sharp.sharp_contour import SharpContour

STRIDE = 4
SIZES = ClassifierSizes(fine_channels=16, hidden=16, grid=3, controller=24)


def random_sharp(movement: Movement = "classify", *, channels: int = 8) -> SharpContour:
    """In float64: what the controller predicts depends on what it sees."""
    torch.manual_seed(0)
    sharp = SharpContour(channels, stride=STRIDE, sizes=SIZES, movement=movement).double()
    with torch.no_grad():
        for parameter in sharp.classifier.controller[-1].parameters():
            parameter.mul_(20 if parameter.ndim == 2 else 1)
    return sharp.eval()


def random_maps(batch: int, *, channels: int = 8) -> Tensor:
    """(batch, channels, 12, 16) float64."""
    generator = torch.Generator().manual_seed(1)
    return 3 * torch.randn(batch, channels, 12, 16, generator=generator, dtype=torch.float64)


def circles(count: int, vertices: int = 32) -> Tensor:
    """(count, vertices, 2) in maps of 64x48 pixels, some of them partly outside."""
    generator = torch.Generator().manual_seed(2)
    angle = torch.arange(vertices, dtype=torch.float64) * (2 * math.pi / vertices)
    ray = torch.stack([angle.cos(), angle.sin()], dim=1)
    drawn = torch.rand(count, 3, generator=generator, dtype=torch.float64)
    center = drawn[:, None, :2] * torch.tensor([64.0, 48.0], dtype=torch.float64)
    return center + (6 + 8 * drawn[:, None, 2:]) * ray
