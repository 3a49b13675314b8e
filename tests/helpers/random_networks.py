"""Small networks with random weights, and images for them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from network.contour.architecture import NANO, Architecture
from network.contour.e2ec import E2EC, build_network


def random_network(architecture: Architecture = NANO, **options: Any) -> E2EC:
    """Of three classes and 32 vertices, in training mode; its heads differ from place to place."""
    torch.manual_seed(0)
    sizes = {"num_classes": 3, "vertices": 32} | options
    network = build_network(architecture=architecture, **sizes)
    with torch.no_grad():
        network.offsets[2].weight.mul_(5)
        network.heatmap[2].weight.mul_(5)
    return network


def random_images(
    batch: int,
    height: int,
    width: int | None = None,
    *,
    dtype: torch.dtype = torch.float32,
    seed: int = 0,
) -> Tensor:
    """(batch, 3, height, width), square if no width is given."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, 3, height, width or height, generator=generator, dtype=dtype)
