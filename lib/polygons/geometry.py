"""Geometry of closed polygons: pure functions on (N, 2) float arrays, x then y, in pixels.

A polygon is the list of its vertices; the last one is joined to the first and does not repeat it.
Coordinates are continuous and y points down, as everywhere in the project.
"""

from __future__ import annotations

import numpy as np

from lib.polygons.ragged import Ragged

# Coordinates beyond this are absurdly far, in pixels.
FAR = 1e5
# What `clip_far` leaves around the image, in pixels.
_MARGIN = 16.0
# Beyond this, differences of coordinates keep no fractions of a pixel.
_LARGEST = 1e12


def signed_area(points: np.ndarray) -> float:
    """Area enclosed by the polygon (N, 2), positive where it runs clockwise on the screen.

    What is walked around twice counts twice; fewer than 3 points enclose nothing.
    """
    if len(points) < 3:
        return 0.0
    # From the first point: keeps digits far from the origin, and the edges at it count nothing.
    x, y = (points - points[0]).T
    return float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]) / 2)


def area(points: np.ndarray) -> float:
    """Area enclosed by the polygon (N, 2), whatever its direction."""
    return abs(signed_area(points))


def bounding_box(points: np.ndarray) -> tuple[float, float, float, float]:
    """Smallest x, smallest y, largest x, largest y of (N, 2) points.

    Raises:
        ValueError: there is no point.
    """
    if len(points) == 0:
        raise ValueError("a bounding box needs at least one point")
    (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
    return float(x0), float(y0), float(x1), float(y1)


def remove_repeated_points(points: np.ndarray) -> np.ndarray:
    """The polygon (N, 2) without points equal to the one after them, the first after the last.

    Of points that are all equal one stays.
    """
    moves = (points != np.concatenate([points[1:], points[:1]])).any(axis=1)
    moves[:1] |= not moves.any()
    return points[moves]


def simplify_closed(points: np.ndarray, tolerance: float) -> np.ndarray:
    """Which vertices of the polygon (N, 2) the Douglas-Peucker algorithm keeps, (N,) bool.

    The contour is split at vertex 0 and the vertex farthest from it, both always kept; between two
    kept vertices the one farthest from the segment that joins them is kept if it is more than
    `tolerance` away. Vertices that all lie on one point leave vertex 0 only.
    """
    count = len(points)
    kept = np.zeros(count, bool)
    if count == 0:
        return kept
    kept[0] = True
    distances = np.hypot(*(points - points[0]).T)
    farthest = int(distances.argmax())
    if distances[farthest] == 0:
        return kept
    kept[farthest] = True
    closed = np.concatenate([points, points[:1]])
    pending = [(0, farthest), (farthest, count)]
    while pending:
        first, last = pending.pop()
        if last - first < 2:
            continue
        away = _distances_to_segment(closed[first + 1 : last], closed[first], closed[last])
        middle = first + 1 + int(away.argmax())
        if away[middle - first - 1] > tolerance:
            kept[middle] = True
            pending += [(first, middle), (middle, last)]
    return kept


def clip_to_box(points: np.ndarray, width: float, height: float) -> np.ndarray:
    """What of the polygon (N, 2) lies in [0, width] x [0, height]: `Ragged.clip_to_box`.

    Returns:
        (K, 2) float64, K = 0 where nothing is left.
    """
    polygon = np.asarray(points, np.float64).reshape(-1, 2)
    return Ragged.pack([polygon]).clip_to_box(width, height).points


def clip_far(points: np.ndarray, width: float, height: float) -> np.ndarray:
    """A polygon (N, 2) that covers the same of an image, without points absurdly far from it.

    Rasterisers walk along edges step by step, in integers: a point a billion pixels away costs
    them minutes, or the process. A polygon within `FAR` is returned as it is; another one is
    clipped to the image [0, width] x [0, height] and a margin around it.

    Returns:
        (K, 2) float64, K >= 3; three points at the origin where nothing is left.
    """
    if (np.abs(points) <= FAR).all():
        return points
    near = np.clip(points, -_LARGEST, _LARGEST)
    clipped = clip_to_box(near + _MARGIN, width + 2 * _MARGIN, height + 2 * _MARGIN) - _MARGIN
    return clipped if len(clipped) >= 3 else np.zeros((3, 2))


def transform_points(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Points (..., 2) under the affine map `matrix` (2, 3)."""
    return points @ matrix[:, :2].T + matrix[:, 2]


def _distances_to_segment(points: np.ndarray, start: np.ndarray, stop: np.ndarray) -> np.ndarray:
    (along_x, along_y), (away_x, away_y) = stop - start, (points - start).T
    # A segment without length is the point `start`.
    squared = along_x * along_x + along_y * along_y or np.inf
    # In the order of the compiled kernel, to the last bit.
    position = np.clip(away_x * (along_x / squared) + away_y * (along_y / squared), 0.0, 1.0)
    return np.hypot(away_x - position * along_x, away_y - position * along_y)
