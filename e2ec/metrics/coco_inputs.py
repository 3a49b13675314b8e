"""Ground truth and results in COCO's format, checked and brought to run-length masks.

COCO's tools take what they are given: a result with both a box and a mask is sorted into small,
medium and large by its box, a polygon in a result crashes them, an unknown image id fails an
assertion. Everything is therefore brought to one form first, in copies.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
from faster_coco_eval import COCO
from faster_coco_eval.core import mask as coco_mask

from lib.errors import InputError
from lib.geometry import clip_far

Sizes = dict[int, tuple[int, int]]


def image_sizes(ground_truth: Mapping[str, Any], image_ids: Collection[int] | None) -> Sizes:
    """(height, width) of every image to evaluate, by image id.

    Raises:
        InputError: the ground truth lacks a list, an image lacks its size, or an asked id is
            unknown.
    """
    for key in ("images", "annotations", "categories"):
        if not isinstance(ground_truth.get(key), list):
            raise InputError(f'ground truth: the list "{key}" is missing')
    sizes: Sizes = {}
    for image in ground_truth["images"]:
        try:
            sizes[int(image["id"])] = (int(image["height"]), int(image["width"]))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"ground truth: image {image!r:.80} needs whole numbers id, height and width"
            ) from error
    if image_ids is None:
        return sizes
    wanted = set(image_ids)
    if unknown := sorted(wanted - sizes.keys()):
        raise InputError(f"ground truth: image {unknown[0]} is asked for but not in it")
    return {image_id: size for image_id, size in sizes.items() if image_id in wanted}


def prepare_ground_truth(
    ground_truth: Mapping[str, Any], sizes: Sizes, *, masks: bool
) -> list[dict[str, Any]]:
    """Copies of the annotations of the images in `sizes`, with their masks as run lengths.

    They are numbered from 1: the evaluator takes an annotation with id 0 for "not matched".
    Without `masks` a mask is read only where the box or the area is missing.

    Raises:
        InputError: an annotation has no usable mask or an unknown category.
    """
    categories = {category["id"] for category in ground_truth["categories"]}
    annotations: list[dict[str, Any]] = []
    for annotation in ground_truth["annotations"]:
        image_id = int(annotation["image_id"])
        if image_id not in sizes:
            continue
        where = f"ground truth: annotation {annotation.get('id')}"
        _check_category(annotation, categories, where)
        prepared = {
            "id": len(annotations) + 1,
            "image_id": image_id,
            "category_id": annotation["category_id"],
            "iscrowd": int(annotation.get("iscrowd", 0)),
        }
        area = annotation.get("area")
        mask = None
        if masks or area is None or not annotation.get("bbox"):
            mask = run_lengths(annotation.get("segmentation"), sizes[image_id], where)
            prepared["segmentation"] = mask
        prepared["area"] = float(coco_mask.area(mask) if area is None else area)
        prepared["bbox"] = _box(annotation, mask, where)
        annotations.append(prepared)
    return annotations


def prepare_results(
    results: Iterable[Mapping[str, Any]],
    ground_truth: Mapping[str, Any],
    sizes: Sizes,
    *,
    masks: bool,
) -> list[dict[str, Any]]:
    """Copies of the results of the images in `sizes`, with their masks as run lengths.

    Results of images that the ground truth has and `sizes` leaves out are left out. Without
    `masks` a mask is read only where the box is missing.

    Raises:
        InputError: a result names an unknown image or category, or has no usable score or mask.
    """
    known = {int(image["id"]) for image in ground_truth["images"]}
    categories = {category["id"] for category in ground_truth["categories"]}
    detections: list[dict[str, Any]] = []
    for number, result in enumerate(results):
        where = f"results: entry {number}"
        image_id = result.get("image_id")
        if image_id not in known:
            raise InputError(f"{where}: image_id {image_id!r} is not in the ground truth")
        if image_id not in sizes:
            continue
        _check_category(result, categories, where)
        score = result.get("score")
        if not isinstance(score, Real) or not math.isfinite(score):
            raise InputError(f'{where}: "score" must be a finite number, not {score!r}')
        detection = {
            "id": len(detections) + 1,
            "image_id": int(image_id),
            "category_id": result["category_id"],
            "score": float(score),
        }
        mask = None
        if masks or not result.get("bbox"):
            mask = run_lengths(result.get("segmentation"), sizes[image_id], where)
            detection["segmentation"] = mask
        detection["bbox"] = _box(result, mask, where)
        detections.append(detection)
    return detections


def run_lengths(segmentation: Any, size: tuple[int, int], where: str) -> dict[str, Any]:
    """Polygons, run lengths or compressed run lengths as compressed run lengths.

    Args:
        segmentation: a list of flat polygons x0, y0, x1, y1, ..., or {"size", "counts"}.
        size: (height, width) of the image in pixels.
        where: the file and item, for messages.

    Raises:
        InputError: neither of them, or of another image size.
    """
    height, width = size
    if isinstance(segmentation, list) and segmentation:
        polygons = [_near_polygon(polygon, size, where) for polygon in segmentation]
        return coco_mask.merge(coco_mask.frPyObjects(polygons, height, width))
    if not isinstance(segmentation, Mapping) or "counts" not in segmentation:
        raise InputError(f'{where}: "segmentation" must be polygons or run lengths')
    if list(segmentation.get("size", ())) != [height, width]:
        raise InputError(
            f"{where}: mask size {segmentation.get('size')} is not the image's {[height, width]}"
        )
    return _compressed(dict(segmentation), height, width, where)


def evaluation_set(
    annotations: Sequence[Mapping[str, Any]],
    ground_truth: Mapping[str, Any],
    sizes: Sizes,
    *,
    by_box: bool,
) -> COCO:
    """The evaluator's index over prepared annotations or results.

    Args:
        annotations: from `prepare_ground_truth` or `prepare_results`.
        ground_truth: the COCO dictionary the categories are taken from.
        sizes: the images to evaluate.
        by_box: a result is sorted into small, medium and large by its box, not by its mask.
    """
    indexed = []
    for annotation in annotations:
        entry = {"iscrowd": 0, **annotation}
        if "area" not in entry:
            _, _, box_width, box_height = entry["bbox"]
            mask = entry.get("segmentation")
            entry["area"] = box_width * box_height if by_box else float(coco_mask.area(mask))
        indexed.append(entry)
    return COCO(
        {
            "images": [{"id": i, "height": h, "width": w} for i, (h, w) in sizes.items()],
            "categories": [dict(category) for category in ground_truth["categories"]],
            "annotations": indexed,
        }
    )


def _check_category(entry: Mapping[str, Any], categories: set[Any], where: str) -> None:
    if entry.get("category_id") not in categories:
        raise InputError(f"{where}: category {entry.get('category_id')!r} is not in the categories")


def _near_polygon(polygon: Any, size: tuple[int, int], where: str) -> list[float]:
    """A flat polygon without points so far outside that the evaluator's rasteriser would crash."""
    if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
        raise InputError(f"{where}: a polygon must be a list of at least three x, y pairs")
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


def _compressed(mask: dict[str, Any], height: int, width: int, where: str) -> dict[str, Any]:
    try:
        if isinstance(mask["counts"], list):
            if sum(mask["counts"]) != height * width:
                raise ValueError("wrong total")
            return coco_mask.frPyObjects(mask, height, width)
        # Reading the area walks through the text and finds out whether it is malformed.
        coco_mask.area(mask)
    except (RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"{where}: the mask's run lengths are malformed") from error
    return mask


def _box(entry: Mapping[str, Any], mask: dict[str, Any] | None, where: str) -> list[float]:
    """[x, y, width, height]: as given, or around the mask."""
    box = entry.get("bbox")
    if not box:
        return [float(v) for v in coco_mask.toBbox(mask)]
    try:
        x, y, width, height = (float(v) for v in box)
    except (TypeError, ValueError) as error:
        raise InputError(f'{where}: "bbox" must be [x, y, width, height]') from error
    return [x, y, width, height]
