"""Gaussian bumps in heat maps: definition, wrapper and fake registration."""

from __future__ import annotations

import torch
from torch import Tensor

from lib.ops import label_reference

torch.library.define("e2ec::draw_bumps", "(Tensor(a!) heatmaps, Tensor bumps) -> ()")
torch.library.impl("e2ec::draw_bumps", "default", label_reference.draw_bumps)


def draw_bumps(heatmaps: Tensor, bumps: Tensor) -> None:
    """Raise heat maps, in place, to bumps of height 1, combined by their maximum.

    Args:
        heatmaps: (maps, h, w) float32, contiguous.
        bumps: (n, 4) int64, on the same device: the map, x and y of the centre, which lies in the
            map, and the radius. A bump is 2 radius + 1 cells wide, its standard deviation a sixth
            of that.

    Raises:
        ValueError: the heat maps are not contiguous.
        RuntimeError: on a CPU, a bump lies outside of the maps.
    """
    if not heatmaps.is_contiguous():
        raise ValueError(f"draw_bumps: heat maps must be contiguous, not {heatmaps.stride()} apart")
    torch.ops.e2ec.draw_bumps(heatmaps, bumps)


@torch.library.register_fake("e2ec::draw_bumps")
def _fake(heatmaps: Tensor, bumps: Tensor) -> None:
    return None
