"""Masks in any of COCO's forms, checked and brought to compressed run lengths."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
from faster_coco_eval.core import mask as coco_mask

from dataset.masks.run_lengths import run_lengths
from lib.errors import InputError
from lib.polygons.geometry import clip_far


def compressed_mask(
    segmentation: Any, size: tuple[int, int], where: str
) -> tuple[dict[str, Any], float]:
    """A mask as compressed run lengths, and its area in pixels.

    Args:
        segmentation: a list of flat polygons x0, y0, x1, y1, ..., or {"size", "counts"} with the
            counts as text or as a list.
        size: (height, width) of the image in pixels.
        where: the file and item, for messages.

    Raises:
        InputError: neither of them, malformed, or of another image size.
    """
    height, width = size
    if isinstance(segmentation, list) and segmentation:
        polygons = [_near_polygon(polygon, size, where) for polygon in segmentation]
        mask = coco_mask.merge(coco_mask.frPyObjects(polygons, height, width))
        return mask, float(coco_mask.area(mask))
    if not isinstance(segmentation, Mapping) or "counts" not in segmentation:
        raise InputError(
            f'{where}: "segmentation" must be polygons or run lengths, not {segmentation!r:.40}; '
            'write [[x0, y0, x1, y1, ...], ...], or an object with "size" and "counts"'
        )
    if segmentation.get("size") not in ([height, width], (height, width)):
        raise InputError(
            f"{where}: mask size {segmentation.get('size')!r:.40} is not the image's "
            f"{[height, width]}"
        )
    counts = segmentation["counts"]
    try:
        lengths = run_lengths(counts, height, width)
    except ValueError as error:
        raise InputError(
            f"{where}: the mask's run lengths are malformed ({error}); export it again"
        ) from error
    mask = {"size": [height, width], "counts": counts}
    if isinstance(counts, list):
        mask = coco_mask.frPyObjects(mask, height, width)
    return mask, float(lengths[1::2].sum())


def _near_polygon(polygon: Any, size: tuple[int, int], where: str) -> list[float]:
    """A flat polygon without points so far outside that the evaluator's rasteriser would crash."""
    if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
        raise InputError(
            f"{where}: a polygon must be a list of at least three x, y pairs; "
            "write [[x0, y0, x1, y1, x2, y2, ...], ...]"
        )
    if not all(isinstance(value, Real) for value in polygon):
        raise InputError(f"{where}: a polygon holds something else than numbers")
    try:
        points = np.array(polygon, np.float64).reshape(-1, 2)
    except OverflowError:  # a whole number of hundreds of digits
        points = np.full((1, 2), math.inf)
    if not np.isfinite(points).all():
        raise InputError(f"{where}: a polygon holds a number that is not finite")
    height, width = size
    return clip_far(points, width, height).ravel().tolist()
