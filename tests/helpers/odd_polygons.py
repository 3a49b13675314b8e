"""Polygons as bad as labels can be."""

from __future__ import annotations

import numpy as np


def random_polygon(rng: np.random.Generator) -> np.ndarray:
    """Inside, across the border, on it or outside of 64 x 48; with repeated points and lines."""
    count = int(rng.integers(1, 12))
    points = rng.uniform(-60, 120, 2) + rng.uniform(-1, 1, (count, 2)) * rng.choice([1, 20, 90])
    if rng.random() < 0.5:
        points = np.round(points / 8) * 8
    if rng.random() < 0.3:
        points = np.repeat(points, rng.integers(1, 3, count), axis=0)
    return points if rng.random() < 0.8 else np.concatenate([points, points[:1]])
