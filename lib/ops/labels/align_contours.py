"""Multi-direction alignment of many contours: definition, wrapper and fake registration."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from lib.ops.labels import reference
from lib.ops.polygons.pack import pack_polygons

torch.library.define(
    "e2ec::align_contours",
    "(Tensor points, Tensor lengths, Tensor rays, int vertices) -> Tensor",
)
torch.library.impl("e2ec::align_contours", "default", reference.align_contours)


def align_contours(parts: Sequence[np.ndarray], vertices: int, directions: int) -> np.ndarray:
    """The labels of closed contours; see `lib.ops.labels.reference.align_contour`.

    Args:
        parts: n closed polygons, each (k, 2), x then y.
        vertices: number N of vertices of a label.
        directions: number M of directions, 0 to N.

    Returns:
        (n, vertices, 2) float64.

    Raises:
        ValueError: a part has fewer than three distinct points or is not finite, N < 3, or M > N.
    """
    if vertices < 3 or not 0 <= directions <= vertices:
        raise ValueError(f"cannot place {directions} directions on {vertices} vertices")
    points, lengths, _ = pack_polygons(parts)
    counts = torch.from_numpy(np.array(lengths, np.int64))
    rays = _rays(max(directions, 1))
    return torch.ops.e2ec.align_contours(torch.from_numpy(points), counts, rays, vertices).numpy()


@lru_cache
def _rays(directions: int) -> Tensor:
    return torch.from_numpy(reference.direction_rays(directions))


@torch.library.register_fake("e2ec::align_contours")
def _fake(points: Tensor, lengths: Tensor, rays: Tensor, vertices: int) -> Tensor:
    return points.new_empty((lengths.shape[0], vertices, 2))
