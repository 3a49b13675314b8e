"""Lists of polygons, as people have them, in the packed form that operators take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor


def pack_polygons(
    polygons: Sequence[np.ndarray | Tensor] | np.ndarray | Tensor,
) -> tuple[np.ndarray, list[int], float]:
    """All points one after the other, (total, 2) float64, the length of every polygon, and the
    largest size of a coordinate.

    Args:
        polygons: arrays or tensors (N, 2) with N >= 3, x then y.

    Raises:
        ValueError: a polygon (named by its index) has another shape, fewer than 3 points, or
            coordinates that are not finite; or they are no numbers.
    """
    if isinstance(polygons, Tensor):
        polygons = polygons.detach().cpu().numpy()
    arrays: Any = polygons
    if {*map(type, arrays)} != {np.ndarray}:
        arrays = [p.detach().cpu().numpy() if isinstance(p, Tensor) else p for p in arrays]
    lengths = [len(array) for array in arrays]
    if not lengths:
        return np.zeros((0, 2)), [], 0.0
    try:
        points = np.asarray(np.concatenate(arrays), np.float64)
    except ValueError as error:
        _check_shapes(arrays)
        raise ValueError(f"polygons must be arrays of numbers: {error}") from error
    # One look at all points; which polygon is the bad one matters only if there is one.
    if points.ndim != 2 or points.shape[1] != 2 or min(lengths) < 3:
        _check_shapes(arrays)
    largest = max(points.max(), -points.min())
    if not largest < np.inf:  # NaN is not, either
        index = next(i for i, array in enumerate(arrays) if not np.isfinite(array).all())
        raise ValueError(f"polygon {index} has coordinates that are not finite")
    return points, lengths, float(largest)


def _check_shapes(arrays: Sequence[np.ndarray]) -> None:
    for index, array in enumerate(arrays):
        shape = np.shape(array)
        if len(shape) != 2 or shape[1] != 2 or shape[0] < 3:
            raise ValueError(f"polygon {index} must be (N, 2) with at least 3 points, not {shape}")
