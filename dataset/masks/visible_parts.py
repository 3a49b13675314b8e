"""What a crop shows of the labelled objects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dataset.loading.sample import Instance
from lib.polygons.geometry import transform_points
from lib.polygons.ragged import Ragged


def visible_parts(
    instances: Sequence[Instance],
    matrix: np.ndarray,
    crop_size: tuple[int, int],
    *,
    smallest: float,
) -> tuple[np.ndarray, Ragged, np.ndarray, np.ndarray]:
    """Every part worth training on, in the order of the labels.

    Args:
        instances: objects of the original image.
        matrix: (2, 3) map from there to the crop.
        crop_size: height, width of the crop, pixels.
        smallest: parts of this area or less are dropped, square pixels of the crop.

    Returns:
        Of n parts the classes, (n,) int64; the polygons in the crop, x then y, of at least three
        points each; (n, 2) the centre of the box around all that the crop shows of each part's
        whole object; and (n,) int64 which of the instances each is a part of.
    """
    height, width = crop_size
    labels = Ragged.pack([part for instance in instances for part in instance.parts])
    owners = np.repeat(np.arange(len(instances)), [len(one.parts) for one in instances])
    polygons = Ragged(transform_points(labels.points, matrix), labels.offsets)
    x0, y0, x1, y1 = polygons.bounding_boxes().T
    seen = (x1 > 0) & (y1 > 0) & (x0 < width) & (y0 < height)
    polygons = polygons.select(seen).clip_to_box(width, height).remove_repeated_points()
    enough = polygons.lengths >= 3
    polygons, owners = polygons.select(enough), owners[seen][enough]

    # Where the parts of every object that is seen begin: its first part follows another object.
    first = np.flatnonzero(np.diff(owners, prepend=-1))
    boxes = polygons.bounding_boxes()
    low = np.minimum.reduceat(boxes[:, :2], first)
    high = np.maximum.reduceat(boxes[:, 2:], first)
    centers = np.repeat((low + high) / 2, np.diff(first, append=len(owners)), axis=0)
    classes = np.array([instance.class_index for instance in instances], np.int64)[owners]
    chosen = polygons.areas() > smallest
    return classes[chosen], polygons.select(chosen), centers[chosen], owners[chosen]
