"""Polygons with another number of vertices and the same shape."""

from __future__ import annotations

import cv2
import numpy as np

from lib.polygons.geometry import remove_repeated_points


def perimeter(points: np.ndarray) -> float:
    """The length of a closed polygon (N, 2)."""
    return float(np.hypot(*(np.roll(points, -1, axis=0) - points).T).sum())


def simplified(points: np.ndarray, *, tolerance: float, most: int) -> np.ndarray:
    """The corners of a closed polygon: those of its vertices that the shape needs.

    Args:
        points: (N, 2).
        tolerance: how far the others may lie from the result.
        most: so many corners stay at most; where that takes a larger tolerance, it is doubled as
            often as needed.

    Returns:
        (K, 2) float64; fewer than three where the polygon is a line or a point.
    """
    points = remove_repeated_points(np.asarray(points, np.float64))
    # From the first point on: single precision keeps its digits.
    origin = points[0]
    plain = (points - origin).astype(np.float32).reshape(-1, 1, 2)
    while True:
        corners = cv2.approxPolyDP(plain, tolerance, True).reshape(-1, 2)
        if len(corners) <= most:
            return corners.astype(np.float64) + origin
        tolerance *= 2


def divided(corners: np.ndarray, count: int) -> np.ndarray:
    """A closed polygon (K, 2) with its edges divided so that it has `count` vertices, (count, 2).

    All corners stay. Each edge is divided into equal parts; no part is longer than
    perimeter / (count - K).

    Raises:
        ValueError: fewer vertices than corners are asked for.
    """
    known = len(corners)
    if count < known:
        raise ValueError(f"{known} corners do not fit into {count} vertices")
    edges = np.roll(corners, -1, axis=0) - corners
    lengths = np.hypot(*edges.T)
    total = lengths.sum()
    parts = np.ones(known, np.int64)
    if count > known and total > 0:
        parts = np.maximum(np.ceil(lengths * ((count - known) / total)).astype(np.int64), 1)
    # Rounding up took at most one part more an edge than there is room for, so this many are left.
    left = count - int(parts.sum())
    order = np.argsort(-lengths / parts, kind="stable")
    parts[order[: max(left, 0) % known]] += 1
    parts[order] += max(left, 0) // known
    starts = np.repeat(np.cumsum(parts) - parts, parts)
    along = (np.arange(len(starts)) - starts) / np.repeat(parts, parts)
    repeated = np.repeat(np.arange(known), parts)
    result: np.ndarray = corners[repeated] + edges[repeated] * along[:, None]
    return result
