"""Gaussians in heat maps: definition, wrapper and fake registration."""

from __future__ import annotations

import torch
from torch import Tensor

from lib.ops.labels import reference

torch.library.define("e2ec::draw_gaussians", "(Tensor(a!) heatmaps, Tensor gaussians) -> ()")
torch.library.impl("e2ec::draw_gaussians", "default", reference.draw_gaussians)


def draw_gaussians(heatmaps: Tensor, gaussians: Tensor) -> None:
    """Raise heat maps, in place, to gaussians of height 1, combined by their maximum.

    Args:
        heatmaps: (maps, h, w) float32, contiguous.
        gaussians: (n, 4) int64, on the same device: the map, x and y of the centre, which lies in
            the map, and the radius. A Gaussian is 2 radius + 1 cells wide, its standard deviation a
            sixth of that.

    Raises:
        ValueError: the heat maps are not contiguous.
        RuntimeError: on a CPU, a Gaussian lies outside of the maps.
    """
    if not heatmaps.is_contiguous():
        raise ValueError(
            f"draw_gaussians: heatmaps must be contiguous, not {heatmaps.stride()} apart"
        )
    torch.ops.e2ec.draw_gaussians(heatmaps, gaussians)


torch.library.register_fake("e2ec::draw_gaussians", lambda *arguments: None)
