"""Key vertices of label contours: the ones that carry their shape.

The dynamic matching loss (section 3.4 of the E2EC paper) pulls predicted vertices to the key
vertices, which are the ones that the Douglas-Peucker simplification of the label keeps.
"""

from __future__ import annotations

import numpy as np


def key_vertices(contours: np.ndarray, tolerance: float) -> np.ndarray:
    """Which vertices of closed label contours are key vertices.

    The algorithm is that of `lib.geometry.simplify_closed`, for all contours at once: the stretches
    between kept vertices are split where they are longest away, all of a depth together.

    Args:
        contours: (..., N, 2) labels, x then y.
        tolerance: largest distance that a dropped vertex may have from the simplified contour, in
            the contour's unit (the published value is 3 cells of the stride-4 map, 12 pixels).

    Returns:
        (..., N) bool; vertex 0 is always a key vertex.
    """
    points = np.asarray(contours, dtype=np.float64).reshape(-1, *contours.shape[-2:])
    count = points.shape[1]
    closed = np.concatenate([points, points[:, :1]], axis=1)
    distances = np.hypot(*np.moveaxis(points - points[:, :1], 2, 0))
    far = distances.argmax(axis=1)
    rows = np.flatnonzero(far)  # a contour whose vertices all lie on one point keeps vertex 0

    zero: np.ndarray = np.arange(len(points)) * (count + 1)  # in the list of all closed contours
    kept = np.zeros(len(points) * (count + 1), bool)
    kept[zero] = True
    zero, far = zero[rows], (zero + far)[rows]
    kept[far] = True
    first, last = np.append(zero, far), np.append(far, zero + count)
    x, y = np.ascontiguousarray(closed.reshape(-1, 2).T)
    while (longer := last - first > 1).any():
        first, last = first[longer], last[longer]
        middle, distance = _farthest_between(x, y, first, last)
        split = distance > tolerance
        first, middle, last = first[split], middle[split], last[split]
        kept[middle] = True
        first, last = np.append(first, middle), np.append(middle, last)
    return kept.reshape(-1, count + 1)[:, :count].reshape(contours.shape[:-1])


def _farthest_between(
    x: np.ndarray, y: np.ndarray, first: np.ndarray, last: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The point between two others that is farthest from the segment joining them.

    Args:
        x, y: (T,) coordinates.
        first, last: (S,) indices of the ends of S stretches, at least one point in each.

    Returns:
        (S,) indices, the first one where several are equally far, and (S,) distances.
    """
    sizes = last - first - 1
    begin = np.cumsum(sizes) - sizes
    stretch = np.repeat(np.arange(len(sizes)), sizes)
    index = np.arange(len(stretch)) + (first + 1 - begin)[stretch]

    along_x, along_y = x[last] - x[first], y[last] - y[first]
    squared = along_x * along_x + along_y * along_y
    squared[squared == 0] = np.inf  # a segment without length is its first point
    away_x, away_y = x[index] - x[first][stretch], y[index] - y[first][stretch]
    position = away_x * (along_x / squared)[stretch] + away_y * (along_y / squared)[stretch]
    position = np.minimum(np.maximum(position, 0.0), 1.0)
    distances = np.hypot(away_x - position * along_x[stretch], away_y - position * along_y[stretch])

    largest = np.maximum.reduceat(distances, begin)
    candidates = np.flatnonzero(distances == largest[stretch])
    return index[candidates[np.searchsorted(stretch[candidates], np.arange(len(sizes)))]], largest
