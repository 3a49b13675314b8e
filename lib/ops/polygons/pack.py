"""Polygons, as people have them, in the form that operators take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from lib.polygons.ragged import Ragged

Polygons = Ragged | Sequence[np.ndarray | Tensor] | np.ndarray | Tensor


def pack_polygons(polygons: Polygons) -> tuple[Ragged, float]:
    """Polygons with float64 points that a tensor can share, and the largest size of a coordinate.

    Args:
        polygons: arrays or tensors (N, 2) with N >= 3, x then y.

    Raises:
        ValueError: a polygon (named by its index) has another shape, fewer than 3 points, or
            coordinates that are not finite; or they are no numbers.
    """
    packed = polygons if isinstance(polygons, Ragged) else _concatenate(polygons)
    points = np.require(packed.points, np.float64, ("C", "W"))
    packed = Ragged(points, np.require(packed.offsets, np.int64, ("C", "W")))
    if not len(packed):
        return packed, 0.0
    # One look at all points; which polygon is the bad one matters only if there is one.
    if points.ndim != 2 or points.shape[1] != 2 or packed.lengths.min() < 3:
        _check_shapes(packed)
    largest = max(points.max(), -points.min())
    if not largest < np.inf:  # NaN is not, either
        index = next(i for i, polygon in enumerate(packed) if not np.isfinite(polygon).all())
        raise ValueError(f"polygon {index} has coordinates that are not finite")
    return packed, float(largest)


def _concatenate(polygons: Sequence[np.ndarray | Tensor] | np.ndarray | Tensor) -> Ragged:
    arrays: Any = polygons.detach().cpu().numpy() if isinstance(polygons, Tensor) else polygons
    if {*map(type, arrays)} != {np.ndarray}:
        arrays = [p.detach().cpu().numpy() if isinstance(p, Tensor) else p for p in arrays]
    try:
        packed = Ragged.pack(arrays)
        return Ragged(np.asarray(packed.points, np.float64), packed.offsets)
    except ValueError as error:
        _check_shapes(arrays)
        raise ValueError(f"polygons must be arrays of numbers: {error}") from error


def _check_shapes(polygons: Any) -> None:
    for index, polygon in enumerate(polygons):
        shape = np.shape(polygon)
        if len(shape) != 2 or shape[1] != 2 or shape[0] < 3:
            raise ValueError(f"polygon {index} must be (N, 2) with at least 3 points, not {shape}")
