"""Target of the centre heat map: a Gaussian at every object centre.

CornerNet (Law and Deng, 2018) asks how far both corners of a box may move so that the moved box
still overlaps the true one by a minimum; CenterNet uses that radius for centres.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np


def gaussian_radius(height: float, width: float, min_overlap: float = 0.7) -> float:
    """Radius, in cells, within which a moved box still overlaps by `min_overlap`.

    Three cases are solved as quadratics a r^2 + b r + c = 0 and the smallest r taken: both corners
    move the same way, both move inwards, both move outwards. As in the released code of CornerNet
    and CenterNet the root is (b + sqrt(b^2 - 4ac)) / 2 in all three; the division by 2 instead of
    2a (and of b instead of -b) is a known slip there that every published model was trained with.

    Args:
        height, width: size of the box, cells.
        min_overlap: smallest intersection over union, in (0, 1).
    """
    size, total = height * width, height + width
    quadratics = (
        (1.0, total, size * (1 - min_overlap) / (1 + min_overlap)),
        (4.0, 2 * total, size * (1 - min_overlap)),
        (4.0 * min_overlap, -2 * min_overlap * total, size * (min_overlap - 1)),
    )
    return min((b + math.sqrt(b * b - 4 * a * c)) / 2 for a, b, c in quadratics)


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
    if not (0 <= x < width and 0 <= y < height):
        raise ValueError(f"center {center} lies outside a heat map of {width} x {height} cells")
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
