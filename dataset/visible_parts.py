"""What a crop shows of the labelled objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dataset.sample import Instance
from lib.geometry import area, bounding_box, clip_to_box, remove_repeated_points, transform_points


class Part(NamedTuple):
    """A part worth training on, as the crop shows it; input pixels, x then y."""

    class_index: int
    points: np.ndarray
    """(n, 2) polygon, n >= 3, in the crop."""
    object_center: np.ndarray
    """(2,) centre of the box around all that the crop shows of the part's whole object."""


def visible_parts(
    instances: Sequence[Instance],
    matrix: np.ndarray,
    crop_size: tuple[int, int],
    *,
    smallest: float,
) -> list[Part]:
    """Every part worth training on, in the order of the labels.

    Args:
        instances: objects of the original image.
        matrix: (2, 3) map from there to the crop.
        crop_size: height, width of the crop, pixels.
        smallest: parts of this area or less are dropped, square pixels of the crop.
    """
    parts = []
    for instance in instances:
        visible = _visible_polygons(instance, matrix, crop_size)
        if not visible:
            continue
        x0, y0, x1, y1 = bounding_box(np.concatenate(visible))
        object_center = np.array([x0 + x1, y0 + y1]) / 2
        for points in visible:
            if area(points) > smallest:
                parts.append(Part(instance.class_index, points, object_center))
    return parts


def _visible_polygons(
    instance: Instance, matrix: np.ndarray, crop_size: tuple[int, int]
) -> list[np.ndarray]:
    """The parts of an object, input pixels, clipped to the crop; at least three points each."""
    height, width = crop_size
    visible = []
    for part in instance.parts:
        points = transform_points(part, matrix)
        x0, y0, x1, y1 = bounding_box(points)
        if x1 <= 0 or y1 <= 0 or x0 >= width or y0 >= height:
            continue
        if x0 < 0 or y0 < 0 or x1 > width or y1 > height:
            points = clip_to_box(points, width, height)
        points = remove_repeated_points(points)
        if len(points) >= 3:
            visible.append(points)
    return visible
