"""The shapes of the generated images: families of outlines, one a class."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import shapely
from shapely.geometry import MultiPolygon, Polygon

SMALLEST_PART = 12.0
"""Visible remains smaller than this, in square pixels, are not labelled."""


def largest_polygon(region: Any) -> Polygon | None:
    """The largest polygon of a region; None if the region has none that is worth painting."""
    polygons = list(region.geoms) if isinstance(region, MultiPolygon) else [region]
    polygon = max(polygons, key=lambda p: p.area)
    usable = isinstance(polygon, Polygon) and polygon.area >= SMALLEST_PART
    return polygon if usable else None


def _polar(radius: Callable[[np.ndarray], np.ndarray], count: int) -> np.ndarray:
    """(count, 2) points at equal angles, at the distance that `radius` gives for each angle."""
    angle = 2 * math.pi * np.arange(count) / count
    return radius(angle)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _ellipse(rng: np.random.Generator) -> np.ndarray:
    return _polar(np.ones_like, 48) * (1.0, rng.uniform(0.45, 0.9))


def _star(rng: np.random.Generator) -> np.ndarray:
    inner = rng.uniform(0.4, 0.55)
    return _polar(lambda a: np.where(np.arange(len(a)) % 2, inner, 1.15), 10)


def _polygon(rng: np.random.Generator) -> np.ndarray:
    return _polar(np.ones_like, int(rng.integers(3, 6))) * (1.1, rng.uniform(0.7, 1.1))


def _blob(rng: np.random.Generator) -> np.ndarray:
    waves = rng.normal(0, 0.09, (3, 2))
    return _polar(
        lambda a: (
            0.95
            + sum(
                p * np.cos((k + 2) * a) + q * np.sin((k + 2) * a) for k, (p, q) in enumerate(waves)
            )
        ),
        64,
    )


def _crescent(rng: np.random.Generator) -> np.ndarray:
    bite = rng.uniform(0.35, 0.6)
    disk = Polygon(_polar(np.ones_like, 48))
    rest = largest_polygon(disk - shapely.affinity.translate(disk, bite + 0.25, 0.0))
    return np.array(rest.exterior.coords[:-1]) if rest is not None else _polar(np.ones_like, 48)


FAMILIES: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "ellipse": _ellipse,
    "star": _star,
    "polygon": _polygon,
    "blob": _blob,
    "crescent": _crescent,
}
