"""Centres on heat maps in straightforward numpy, one by one: what ours is compared with."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from dataset.contour.heatmap import gaussian_radius
from dataset.contour.targets import TargetSettings
from lib.polygons.geometry import bounding_box


def draw_center(
    heatmap: np.ndarray, points: np.ndarray, settings: TargetSettings
) -> tuple[int, int]:
    """Draw the Gaussian of a polygon (n, 2), input pixels; returns x and y of its cell.

    Args:
        heatmap: (h, w) float32, of its class.
        points: the polygon.
        settings: stride and overlap.
    """
    height, width = heatmap.shape
    x0, y0, x1, y1 = (value / settings.stride for value in bounding_box(points))
    center = (
        min(max(math.floor((x0 + x1) / 2 + 0.5), 0), width - 1),
        min(max(math.floor((y0 + y1) / 2 + 0.5), 0), height - 1),
    )
    radius = gaussian_radius(math.ceil(y1 - y0), math.ceil(x1 - x0), settings.min_overlap)
    draw_gaussian(heatmap, center, radius)
    return center


def draw_gaussian(heatmap: np.ndarray, center: tuple[int, int], radius: float) -> None:
    """Raise a heat map, in place, to a Gaussian of height 1 around a cell.

    The radius is rounded down to whole cells; the Gaussian is 2 radius + 1 cells wide and its
    standard deviation a sixth of that. Gaussians are combined by their maximum.

    Args:
        heatmap: (h, w) float32.
        center: x, y of the cell; it must lie in the map.
        radius: in cells; below 1 only the cell itself is raised.
    """
    x, y = center
    height, width = heatmap.shape
    reach = max(0, int(radius))
    gaussian = _gaussian(reach)
    left, right = min(x, reach), min(width - x, reach + 1)
    top, bottom = min(y, reach), min(height - y, reach + 1)
    region = heatmap[y - top : y + bottom, x - left : x + right]
    patch = gaussian[reach - top : reach + bottom, reach - left : reach + right]
    np.maximum(region, patch, out=region)


@lru_cache(maxsize=256)
def _gaussian(radius: int) -> np.ndarray:
    sigma = (2 * radius + 1) / 6
    offset = np.arange(-radius, radius + 1, dtype=np.float64)
    line = np.exp(-(offset**2) / (2 * sigma * sigma))
    return np.outer(line, line).astype(np.float32)
