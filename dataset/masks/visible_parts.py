"""What a crop shows of the labelled objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dataset.loading.sample import Instance
from lib.polygons import ragged as packed
from lib.polygons.geometry import transform_points


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
    points, owner, of_instance = _visible_points(instances, matrix, crop_size)
    if len(points) == 0:
        return []
    boxes = packed.bounding_boxes(points, owner)
    first = packed.first_points(of_instance)  # of every instance that is seen, among the parts
    low = np.minimum.reduceat(boxes[:, :2], first, axis=0)
    high = np.maximum.reduceat(boxes[:, 2:], first, axis=0)
    seen = np.repeat(np.arange(len(first)), np.diff(first, append=len(of_instance)))
    object_centers = ((low + high) / 2)[seen]
    large = np.flatnonzero(packed.areas(points, owner) > smallest)
    polygons = packed.unpack(points, owner)
    return [
        Part(instances[of_instance[k]].class_index, polygons[k], object_centers[k]) for k in large
    ]


def _visible_points(
    instances: Sequence[Instance], matrix: np.ndarray, crop_size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The parts of all objects, input pixels, clipped to the crop; at least three points each.

    Returns:
        Points and owner as in `lib.polygons.ragged`, and the instance of each of the n parts that
        are seen, (n,).
    """
    height, width = crop_size
    points, owner = packed.pack([part for instance in instances for part in instance.parts])
    of_instance = np.repeat(
        np.arange(len(instances)), [len(instance.parts) for instance in instances]
    )
    points = transform_points(points, matrix)
    x0, y0, x1, y1 = packed.bounding_boxes(points, owner).T
    number = owner[packed.first_points(owner)]
    outside = number[(x1 <= 0) | (y1 <= 0) | (x0 >= width) | (y0 >= height)]
    if len(outside):
        shown = np.ones(len(of_instance), bool)
        shown[outside] = False
        points, owner = points[shown[owner]], owner[shown[owner]]
    points, owner = packed.clip_to_box(points, owner, width, height)
    points, owner = packed.remove_repeated_points(points, owner)
    enough = np.bincount(owner, minlength=len(of_instance)) >= 3
    points, owner = points[enough[owner]], owner[enough[owner]]
    return points, owner, of_instance[enough]
