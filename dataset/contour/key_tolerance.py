"""The key vertices of labels, whose tolerance may follow the object's size (paper sec. 3.3)."""

from __future__ import annotations

import numpy as np

from dataset.contour.target_settings import TargetSettings
from lib.ops import key_vertices

_SMALLEST = 1e-6
"""A tolerance of nothing, in input pixels: every vertex off the line is a key."""


def label_keys(contours: np.ndarray, targets: TargetSettings) -> np.ndarray:
    """Which vertices of labels are key vertices.

    Args:
        contours: (n, N, 2), x then y, input pixels.
        targets: `key_tolerance` and `key_tolerance_share`.

    Returns:
        (n, N) bool; vertex 0 is always one.
    """
    if targets.key_tolerance_share == 0:
        return key_vertices(contours, targets.key_tolerance)
    # What is kept depends on the ratio of contour and tolerance alone.
    tolerances = key_tolerances(contours, targets)
    return key_vertices(contours.astype(np.float64) / tolerances[:, None, None], 1.0)


def key_tolerances(contours: np.ndarray, targets: TargetSettings) -> np.ndarray:
    """The Douglas-Peucker tolerance of every label, (n,), input pixels, above 0: the share of the
    square root of its area, `key_tolerance` at most; arguments as of `label_keys`."""
    x, y = np.moveaxis(contours.astype(np.float64), 2, 0)
    # From the first vertex: products of large coordinates would lose the digits of a small area.
    x, y = x - x[:, :1], y - y[:, :1]
    areas = np.abs((x * np.roll(y, -1, axis=1) - y * np.roll(x, -1, axis=1)).sum(axis=1)) / 2
    sized = targets.key_tolerance_share * np.sqrt(areas)
    return np.clip(sized, _SMALLEST, targets.key_tolerance)
