"""Points against polygons: inside or outside, and the way to the nearest edge."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def contains(polygon: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Which points (P, 2) lie inside of a closed polygon (N, 2), x then y: (P,) bool.

    By the even-odd rule: where a polygon covers a place twice, the place is outside.
    """
    x, y = points[:, :1], points[:, 1:]
    (x0, y0), (x1, y1) = polygon.T, np.roll(polygon, -1, axis=0).T
    spans = (y0 > y) != (y1 > y)
    crossing = x0 + (y - y0) * ((x1 - x0) / np.where(y1 == y0, 1.0, y1 - y0))
    inside: np.ndarray = (spans & (x < crossing)).sum(axis=1) % 2 == 1
    return inside


def nearest_points(rings: Sequence[np.ndarray], points: np.ndarray) -> np.ndarray:
    """The point on the edges of closed rings (each (N, 2)) nearest to each of (P, 2) points."""
    start = np.concatenate(rings)
    edge = np.concatenate([np.roll(ring, -1, axis=0) for ring in rings]) - start
    squared = (edge**2).sum(axis=1)
    away = points[:, None] - start
    along = (away * edge).sum(axis=2) / np.where(squared > 0, squared, 1.0)
    place = start + np.clip(along, 0, 1)[..., None] * edge
    nearest = ((points[:, None] - place) ** 2).sum(axis=2).argmin(axis=1)
    found: np.ndarray = place[np.arange(len(points)), nearest]
    return found
