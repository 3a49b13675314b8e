"""A Gaussian on a heat map by its formula."""

from __future__ import annotations

import numpy as np


def plain_gaussian(size: tuple[int, ...], x: int, y: int, radius: int) -> np.ndarray:
    """(h, w) float32: 2 radius + 1 cells wide, its standard deviation a sixth of that."""
    away_y, away_x = np.abs(np.indices(size) - np.array([y, x])[:, None, None])
    sigma = (2 * radius + 1) / 6
    values = np.exp(-(away_x**2 + away_y**2) / (2 * sigma**2))
    return np.where(np.maximum(away_x, away_y) <= radius, values, 0).astype(np.float32)
