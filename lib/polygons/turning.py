"""How closed contours turn from edge to edge: many contours of equally many vertices at once.

Arrays are (n, N, 2) float, x then y, pixels, y down; the last vertex is joined to the first and
does not repeat it. Angles are radians, positive where the contour turns clockwise on the screen.
"""

from __future__ import annotations

import numpy as np

# Edges shorter than this part of a contour's mean edge have no direction worth the name.
_SHORTEST = 1e-6
# Cosines of turns this close to zero are those of right angles.
_ROUNDING = 1e-9


def check_contours(contours: np.ndarray) -> None:
    """Raise ValueError where an array does not hold contours, (n, N, 2) with N >= 3."""
    if contours.ndim != 3 or contours.shape[1] < 3 or contours.shape[2] != 2:
        raise ValueError(f"contours must be (n, N, 2) with N >= 3, not {contours.shape}")


def edge_lengths(contours: np.ndarray) -> np.ndarray:
    """The lengths of the edges, (n, N), pixels; edge i goes from vertex i to the one after it."""
    moves = np.roll(contours, -1, axis=1) - contours
    return np.hypot(moves[..., 0], moves[..., 1])


def turn_angles(contours: np.ndarray) -> np.ndarray:
    """By how much contours turn at their vertices, (n, N) radians in (-pi, pi].

    Where vertices repeat, the contour turns once, at the last of them. A contour that is one point
    does not turn. They sum up to 2 pi a winding.

    Args:
        contours: (n, N, 2), N >= 3.

    Raises:
        ValueError: an array of another shape.
    """
    check_contours(contours)
    moves = _directions(contours)
    before = np.roll(moves, 1, axis=1)
    cross = before[..., 0] * moves[..., 1] - before[..., 1] * moves[..., 0]
    dot = before[..., 0] * moves[..., 0] + before[..., 1] * moves[..., 1]
    angles: np.ndarray = np.arctan2(cross, dot)
    return angles


def count_reversals(contours: np.ndarray) -> np.ndarray:
    """How often contours go back, (n,) int64: the vertices where they turn by more than 90 degrees.

    Vertices that repeat count once, right angles not at all, whatever their rounding.

    Args:
        contours: (n, N, 2), N >= 3.

    Raises:
        ValueError: an array of another shape.
    """
    check_contours(contours)
    moves = _directions(contours)
    before = np.roll(moves, 1, axis=1)
    along = moves[..., 0] * before[..., 0] + moves[..., 1] * before[..., 1]
    squares = moves[..., 0] ** 2 + moves[..., 1] ** 2
    counts: np.ndarray = (along < -_ROUNDING * (squares + np.roll(squares, 1, axis=1))).sum(axis=1)
    return counts


def _directions(contours: np.ndarray) -> np.ndarray:
    """The edges (n, N, 2); those without length have the direction of the one before them."""
    moves = np.roll(contours, -1, axis=1) - contours
    lengths = np.hypot(moves[..., 0], moves[..., 1])
    good = lengths > _SHORTEST * lengths.mean(axis=1, keepdims=True)
    if good.all():
        return moves
    count = moves.shape[1]
    last = np.where(good, np.arange(count), -1)
    # Those before the first good edge follow on the last one, around the end.
    last = np.maximum.accumulate(last, axis=1)
    last = np.where(last < 0, last[:, -1:], last)
    filled = np.take_along_axis(moves, np.maximum(last, 0)[..., None], axis=1)
    return np.where((last >= 0)[..., None], filled, 0.0)
