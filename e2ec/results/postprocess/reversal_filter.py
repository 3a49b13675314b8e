"""Contours that became jagged fall back to what they were.

A refinement may send neighbouring vertices to points of the boundary in the wrong order: the
contour then goes to and fro. Where it goes back, it turns by more than 90 degrees: a reversal. A
contour has become jagged where its reversals have multiplied.
"""

from __future__ import annotations

import numpy as np

from lib.polygons.turning import count_reversals


def fall_back(contours: np.ndarray, before: np.ndarray, *, factor: float, least: int) -> np.ndarray:
    """Contours, those that have become jagged replaced by what they were.

    Args:
        contours: (n, N, 2) float, x then y, pixels.
        before: (n, N, 2), the same contours a stage before.
        factor: more than this many times the reversals of before are too many ...
        least: ... if there are at least so many.

    Returns:
        (n, N, 2) float.

    Raises:
        ValueError: the arrays differ in shape, or hold no contours.
    """
    if contours.shape != before.shape:
        raise ValueError(f"{contours.shape} contours cannot fall back to {before.shape}")
    now, then = count_reversals(contours), count_reversals(before)
    jagged = (now >= least) & (now > factor * then)
    return np.where(jagged[:, None, None], before, contours)
