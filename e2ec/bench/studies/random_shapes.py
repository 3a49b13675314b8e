"""Random shapes with exact outlines: smooth, with corners, with holes, in parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

SIDE = 400.0
"""Root of the area of a shape's box, about, in pixels."""
KINDS = ("smooth", "star", "holes", "parts")


@dataclass(frozen=True)
class Shape:
    """A random shape and the rings that its contours are drawn from.

    Attributes:
        area: the shape itself.
        rings: exact corners, (k, 2) each.
        outward: 1 where a ring bounds the shape from outside, -1 for a hole.
    """

    area: shapely.Geometry
    rings: list[np.ndarray]
    outward: list[int]


def random_shape(kind: str, rng: np.random.Generator) -> Shape:
    """One of `KINDS`."""
    if kind == "parts":
        left = _ring("smooth", rng, (-SIDE * 0.3, 0.0), SIDE * 0.2)
        right = _ring("star", rng, (SIDE * 0.3, 0.0), SIDE * 0.25)
        rings, outward = [left, right], [1, 1]
    elif kind == "holes":
        rings = [_ring("smooth", rng, (0.0, 0.0), SIDE / 2)]
        rings.append(_ring("star", rng, (0.0, 0.0), SIDE * 0.17))
        outward = [1, -1]
    else:
        rings, outward = [_ring(kind, rng, (0.0, 0.0), SIDE / 2)], [1]
    area = shapely.Polygon(rings[0])
    for ring, way in zip(rings[1:], outward[1:], strict=True):
        other = shapely.Polygon(ring)
        area = area.union(other) if way > 0 else area.difference(other)
    return Shape(area, rings, outward)


def _ring(
    kind: str, rng: np.random.Generator, center: tuple[float, float], radius: float
) -> np.ndarray:
    """Corners (k, 2) of a wavy outline, or of a star of 5 to 9 rays."""
    if kind == "star":
        count = 2 * int(rng.integers(5, 10))
        reach = np.where(np.arange(count) % 2, rng.uniform(0.5, 0.7), 1.0)
        reach = reach * rng.uniform(0.9, 1.0, count)
    else:
        count = 256
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    if kind == "smooth":
        waves = sum(
            rng.uniform(0, 0.1) * np.sin(k * angle + rng.uniform(0, 6)) for k in range(2, 6)
        )
        reach = (1 + waves) / 1.2
    angle = angle + rng.uniform(0, 2 * np.pi)
    ray = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.array(center) + radius * reach[:, None] * ray
