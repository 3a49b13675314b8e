"""How far boundaries of matched objects lie apart, in pixels.

The boundary of a mask is its pixels next to the outside, by a side, a corner, or the image's edge;
distances are between their centres, by OpenCV's exact Euclidean distance transform. Of a pair of
masks the Hausdorff distance is the largest distance of a boundary pixel of either to the nearest
one of the other; the mean distance is the mean over the boundary pixels of both.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from e2ec.metrics.boundary import mask_boundary
from e2ec.metrics.coco import Metrics
from e2ec.metrics.coco_inputs import prepare_inputs

# The distance of a pixel to the nearest boundary, exact up to single precision.
_EXACT = (cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
Mask = dict[str, Any]
"""Compressed run lengths, {"size": [height, width], "counts"}."""


def boundary_distances(
    ground_truth: Mapping[str, Any],
    results: Sequence[Mapping[str, Any]],
    *,
    iou: float = 0.5,
    max_detections: int = 100,
    results_name: str = "results",
) -> Metrics:
    """Distances between the boundaries of objects and of the results that found them, in pixels.

    An object is found by at most one result, as in COCO's AP: by falling score, every result takes
    the object of its image and class that it overlaps most and that nobody has taken. Crowd regions
    are left out. What was not found does not count: read beside AP or recall.

    Args:
        ground_truth: COCO dictionary. Not modified.
        results: COCO results with masks. Not modified.
        iou: the least overlap of masks that makes a pair.
        max_detections: the most results taken per image and class, those of highest score.
        results_name: the results' file, for messages.

    Returns:
        "distance/hausdorff" and "distance/mean", means over all pairs, "distance/pairs", their
        number; the first two are None without any.

    Raises:
        InputError: an image, annotation or result is unusable; the message names it.
        ValueError: `iou` is not in (0, 1], or a limit below 1.
    """
    if not 0 < iou <= 1:
        raise ValueError(f"iou must lie in (0, 1], not {iou}")
    if max_detections < 1:
        raise ValueError(f"max_detections must be at least 1, not {max_detections}")
    inputs = prepare_inputs(ground_truth, results, results_name=results_name)
    objects, found = _by_class(inputs.annotations), _by_class(inputs.detections)
    distances = [
        mask_distances(one, other)
        for key, mine in found.items()
        for one, other in _pairs(objects.get(key, []), mine, iou, max_detections)
    ]
    if not distances:
        return {"distance/hausdorff": None, "distance/mean": None, "distance/pairs": 0.0}
    hausdorff, mean = np.mean(distances, axis=0).tolist()
    count = float(len(distances))
    return {"distance/hausdorff": hausdorff, "distance/mean": mean, "distance/pairs": count}


def mask_distances(one: Mask, other: Mask) -> tuple[float, float]:
    """The Hausdorff and the mean distance of the boundaries of two masks of an image, in pixels.

    Raises:
        ValueError: one of them is empty.
    """
    if not (coco_mask.area(one) and coco_mask.area(other)):
        raise ValueError("a mask without pixels has no boundary")
    left, top, width, height = (int(v) for v in coco_mask.toBbox(coco_mask.merge([one, other])))
    # All of both boundaries lies there; `mask_boundary` takes what is around for outside.
    box = np.s_[top : top + height, left : left + width]
    mine, others = (mask_boundary(coco_mask.decode(mask)[box], 1) for mask in (one, other))
    apart = np.concatenate([_to_nearest(mine, others), _to_nearest(others, mine)])
    return float(apart.max()), float(apart.mean())


def _to_nearest(boundary: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The distance of every pixel of a boundary (H, W) bool to the nearest one of another."""
    distances: np.ndarray = cv2.distanceTransform((~other).astype(np.uint8), *_EXACT)[boundary]
    return distances


def _by_class(entries: Sequence[Mapping[str, Any]]) -> dict[Any, list[Mapping[str, Any]]]:
    """Objects or results by image and category id; crowd regions are no objects."""
    groups: defaultdict[Any, list[Mapping[str, Any]]] = defaultdict(list)
    for entry in entries:
        if not entry.get("iscrowd"):
            groups[entry["image_id"], entry["category_id"]].append(entry)
    return dict(groups)


def _pairs(
    objects: Sequence[Mapping[str, Any]],
    found: Sequence[Mapping[str, Any]],
    iou: float,
    max_detections: int,
) -> Iterator[tuple[Mask, Mask]]:
    """The masks of objects and of the results that found them, of one image and class."""
    best = sorted(found, key=lambda one: -one["score"])[:max_detections]
    masks = [one["segmentation"] for one in objects]
    if not (masks and best):
        return
    mine = [one["segmentation"] for one in best]
    overlaps = np.asarray(coco_mask.iou(mine, masks, [0] * len(masks)))
    free = np.ones(len(masks), bool)
    for row, mask in zip(overlaps, mine, strict=True):
        chosen = int(np.where(free, row, -1).argmax())
        if free[chosen] and row[chosen] >= iou:
            free[chosen] = False
            yield masks[chosen], mask
