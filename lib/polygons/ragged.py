"""Geometry of many closed polygons at once: what `lib.polygons.geometry` does for one.

The points of all polygons stand one after the other in an array (T, 2), x then y; `owner` (T,) int
is the polygon of every point and never falls. A polygon without points simply does not occur.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def pack(polygons: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Points (T, 2) and owner (T,) of polygons (N, 2)."""
    if not polygons:
        return np.zeros((0, 2)), np.zeros(0, np.int64)
    lengths = [len(polygon) for polygon in polygons]
    return np.concatenate(polygons), np.repeat(np.arange(len(polygons)), lengths)


def first_points(owner: np.ndarray) -> np.ndarray:
    """Where each polygon that has points begins, (P,), in the order of their points."""
    begins = np.ones(len(owner), bool)
    begins[1:] = owner[1:] != owner[:-1]
    return np.flatnonzero(begins)


def unpack(points: np.ndarray, owner: np.ndarray) -> list[np.ndarray]:
    """The polygons (N, 2) that have points."""
    return np.split(points, first_points(owner)[1:]) if len(points) else []


def bounding_boxes(points: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """Smallest x, smallest y, largest x, largest y, (P, 4), of every polygon that has points."""
    if len(points) == 0:
        return np.zeros((0, 4))
    first, columns = first_points(owner), np.ascontiguousarray(points.T)
    boxes = [f.reduceat(column, first) for f in (np.minimum, np.maximum) for column in columns]
    return np.stack(boxes, axis=1)


def areas(points: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """Area, (P,), of every polygon that has points, whatever its direction."""
    if len(points) == 0:
        return np.zeros(0)
    first = first_points(owner)
    x, y = (points - np.repeat(points[first], _lengths(first, len(points)), axis=0)).T
    following = _following(first, len(points))
    return np.abs(np.add.reduceat(x * y[following] - x[following] * y, first)) / 2


def remove_repeated_points(points: np.ndarray, owner: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The polygons without points equal to the one before them; the first ones stay."""
    if len(points) == 0:
        return points, owner
    kept = np.ones(len(points), bool)
    kept[1:] = (points[1:] != points[:-1]).any(axis=1) | (owner[1:] != owner[:-1])
    points, owner = points[kept], owner[kept]
    first = first_points(owner)
    last = np.append(first[1:], len(points)) - 1
    closing = last[(last > first) & (points[last] == points[first]).all(axis=1)]
    return np.delete(points, closing, axis=0), np.delete(owner, closing)


def clip_to_box(
    points: np.ndarray, owner: np.ndarray, width: float, height: float
) -> tuple[np.ndarray, np.ndarray]:
    """The parts of the polygons inside [0, width] x [0, height] (Sutherland-Hodgman)."""
    for axis, bound, side in ((0, 0.0, 1.0), (0, width, -1.0), (1, 0.0, 1.0), (1, height, -1.0)):
        points, owner = _clip_half_planes(points, owner, axis, bound, side)
    return points, owner


def _clip_half_planes(
    points: np.ndarray, owner: np.ndarray, axis: int, bound: float, side: float
) -> tuple[np.ndarray, np.ndarray]:
    """Keep where side * (coordinate - bound) >= 0."""
    before = points[:, axis] - bound
    inside = side * before >= 0
    if inside.all():
        return points, owner
    following = _following(first_points(owner), len(points))
    crossing = inside != inside[following]
    # An edge gives its start, if inside, and then where it crosses the border, if it does.
    span = np.where(crossing, before - before[following], 1.0)
    borders = points + (before / span)[:, None] * (points[following] - points)
    borders[:, axis] = bound
    kept = np.stack([inside, crossing], axis=1)
    return np.stack([points, borders], axis=1)[kept], np.repeat(owner, kept.sum(axis=1))


def _lengths(first: np.ndarray, total: int) -> np.ndarray:
    return np.diff(first, append=total)


def _following(first: np.ndarray, total: int) -> np.ndarray:
    """The index of the point after each, (T,): after the last of a polygon comes its first."""
    following = np.arange(1, total + 1)
    following[np.append(first[1:], total) - 1] = first
    return following
