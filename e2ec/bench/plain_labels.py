"""Labels in straightforward numpy, one instance after the other: what ours are compared with."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np

from dataset.contour.heatmap import gaussian_radius
from dataset.contour.target_settings import TargetSettings
from lib.ops.labels.reference import align_contour
from lib.polygons.geometry import bounding_box, simplify_closed


def plain_labels(
    parts: Sequence[np.ndarray],
    classes: Iterable[int],
    settings: TargetSettings,
    *,
    num_classes: int,
    size: tuple[int, int],
) -> tuple[np.ndarray, ...]:
    """Heat map (C, h, w), contours (n, N, 2), keys (n, N) and centres (n, 2), x and y of a cell.

    Args:
        parts: polygons (n, 2), input pixels.
        classes: of every part.
        settings: stride, vertices and so on.
        num_classes: C.
        size: height and width of the input.
    """
    cells = (size[0] // settings.stride, size[1] // settings.stride)
    heatmap = np.zeros((num_classes, *cells), np.float32)
    contours = np.zeros((len(parts), settings.vertices, 2))
    keys = np.zeros((len(parts), settings.vertices), bool)
    centers = np.zeros((len(parts), 2), np.int64)
    for number, (points, class_index) in enumerate(zip(parts, classes, strict=True)):
        centers[number] = draw_center(heatmap[class_index], points, settings)
        contour = align_contour(points, settings.vertices, settings.directions)
        contours[number] = contour
        keys[number] = simplify_closed(contour, settings.key_tolerance)
    return heatmap, contours, keys, centers


def draw_center(
    heatmap: np.ndarray, points: np.ndarray, settings: TargetSettings
) -> tuple[int, int]:
    """Raise a heat map (h, w), in place, to the Gaussian of a polygon (n, 2), input pixels.

    The radius is rounded down to whole cells; the Gaussian has the height 1, is 2 radius + 1 cells
    wide and its standard deviation a sixth of that. Gaussians are combined by their maximum.

    Returns:
        x and y of the cell in the middle.
    """
    height, width = heatmap.shape
    x0, y0, x1, y1 = (value / settings.stride for value in bounding_box(points))
    x = min(max(math.floor((x0 + x1) / 2 + 0.5), 0), width - 1)
    y = min(max(math.floor((y0 + y1) / 2 + 0.5), 0), height - 1)
    radius = gaussian_radius(math.ceil(y1 - y0), math.ceil(x1 - x0), settings.min_overlap)
    reach = max(0, int(radius))
    left, right = min(x, reach), min(width - x, reach + 1)
    top, bottom = min(y, reach), min(height - y, reach + 1)
    region = heatmap[y - top : y + bottom, x - left : x + right]
    patch = _gaussian(reach)[reach - top : reach + bottom, reach - left : reach + right]
    np.maximum(region, patch, out=region)
    return x, y


@lru_cache(maxsize=256)
def _gaussian(radius: int) -> np.ndarray:
    sigma = (2 * radius + 1) / 6
    offset = np.arange(-radius, radius + 1, dtype=np.float64)
    line = np.exp(-(offset**2) / (2 * sigma * sigma))
    return np.outer(line, line).astype(np.float32)
