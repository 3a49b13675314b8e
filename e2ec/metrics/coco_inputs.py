"""Ground truth and results in COCO's format, checked and brought to run-length masks.

COCO's tools take what they are given: a result with both a box and a mask is sorted into small,
medium and large by its box, a polygon in a result crashes them, an unknown image id fails an
assertion. Everything is therefore brought to one form first, in copies.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

from faster_coco_eval.core import mask as coco_mask

from e2ec.metrics.coco_masks import compressed_mask
from lib.errors import InputError

Sizes = dict[int, tuple[int, int]]


@dataclass(frozen=True, eq=False)
class EvaluationInputs:
    """What an evaluator compares.

    Attributes:
        sizes: (height, width) of every image to evaluate, with or without detections, by image id.
        categories: the ground truth's, each with id and name.
        annotations: with id from 1 on (evaluators take 0 for "not matched"), image_id,
            category_id, iscrowd, area, bbox and, unless boxes alone are compared, segmentation.
        detections: the same with score, and mask_area in place of area where there is a mask.
    """

    sizes: Sizes
    categories: list[dict[str, Any]]
    annotations: list[dict[str, Any]]
    detections: list[dict[str, Any]]


def prepare_inputs(
    ground_truth: Mapping[str, Any],
    results: Iterable[Mapping[str, Any]],
    *,
    masks: bool = True,
    image_ids: Collection[int] | None = None,
    results_name: str = "results",
) -> EvaluationInputs:
    """Checked copies of ground truth and results with their masks as compressed run lengths.

    Args:
        ground_truth: COCO dictionary. A missing area or bbox is taken from the mask.
        results: COCO results; those of known images outside `image_ids` are left out.
        masks: whether masks are compared. Without, one is read only where the box is missing.
        image_ids: the images to evaluate; all when None.
        results_name: the results' file, for messages.

    Raises:
        InputError: an image, annotation or result is unusable; the message names it.
    """
    sizes = image_sizes(ground_truth, image_ids)
    return EvaluationInputs(
        sizes=sizes,
        categories=[dict(category) for category in ground_truth["categories"]],
        annotations=_prepare_ground_truth(ground_truth, sizes, masks=masks),
        detections=_prepare_results(results, ground_truth, sizes, masks=masks, name=results_name),
    )


def with_results(
    inputs: EvaluationInputs,
    ground_truth: Mapping[str, Any],
    results: Iterable[Mapping[str, Any]],
    *,
    masks: bool = True,
    results_name: str = "results",
) -> EvaluationInputs:
    """Other results beside the same ground truth, which is not prepared again.

    Arguments and errors as `prepare_inputs`, which made `inputs` of the same `ground_truth`.
    """
    found = _prepare_results(results, ground_truth, inputs.sizes, masks=masks, name=results_name)
    return replace(inputs, detections=found)


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


def evaluation_set(
    inputs: EvaluationInputs, annotations: Sequence[Mapping[str, Any]], *, by_box: bool
) -> dict[str, Any]:
    """A COCO dictionary of the annotations or detections of `inputs`, for an evaluator to index.

    Args:
        inputs: where images and categories are taken from.
        annotations: its annotations, or its detections.
        by_box: a detection is sorted into small, medium and large by its box, not by its mask.
    """
    entries = []
    for annotation in annotations:
        entry = {"iscrowd": 0, **annotation}
        if "area" not in entry:
            _, _, box_width, box_height = entry["bbox"]
            entry["area"] = box_width * box_height if by_box else entry["mask_area"]
        entries.append(entry)
    return {
        "images": [{"id": i, "height": h, "width": w} for i, (h, w) in inputs.sizes.items()],
        "categories": inputs.categories,
        "annotations": entries,
    }


def _prepare_ground_truth(
    ground_truth: Mapping[str, Any], sizes: Sizes, *, masks: bool
) -> list[dict[str, Any]]:
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
            mask, mask_area = compressed_mask(
                annotation.get("segmentation"), sizes[image_id], where
            )
            prepared["segmentation"] = mask
            area = mask_area if area is None else area
        prepared["area"] = float(area)
        prepared["bbox"] = _box(annotation, mask, where)
        annotations.append(prepared)
    return annotations


def _prepare_results(
    results: Iterable[Mapping[str, Any]],
    ground_truth: Mapping[str, Any],
    sizes: Sizes,
    *,
    masks: bool,
    name: str,
) -> list[dict[str, Any]]:
    known = {int(image["id"]) for image in ground_truth["images"]}
    categories = {category["id"] for category in ground_truth["categories"]}
    detections: list[dict[str, Any]] = []
    for number, result in enumerate(results):
        where = f"{name}: entry {number}"
        image_id = result.get("image_id")
        if not _is_one_of(image_id, known):
            raise InputError(
                f"{where}: image_id {image_id!r:.40} is not in the ground truth; "
                "evaluate results with the data they were made for"
            )
        if image_id not in sizes:
            continue
        _check_category(result, categories, where)
        detection: dict[str, Any] = {
            "id": len(detections) + 1,
            "image_id": int(image_id),
            "category_id": int(result["category_id"]),
            "score": _score(result.get("score"), where),
        }
        mask = None
        if masks or not result.get("bbox"):
            mask, detection["mask_area"] = compressed_mask(
                result.get("segmentation"), sizes[int(image_id)], where
            )
            detection["segmentation"] = mask
        detection["bbox"] = _box(result, mask, where)
        detections.append(detection)
    return detections


def _check_category(entry: Mapping[str, Any], categories: set[Any], where: str) -> None:
    category = entry.get("category_id")
    if not _is_one_of(category, categories):
        raise InputError(f"{where}: category {category!r:.40} is not in the categories")


def _is_one_of(value: Any, ids: set[Any]) -> bool:
    # Lists and dictionaries cannot even be looked up.
    return isinstance(value, Real) and value in ids


def _score(value: Any, where: str) -> float:
    try:
        if isinstance(value, Real) and math.isfinite(value):
            return float(value)
    except OverflowError:  # a whole number of hundreds of digits
        pass
    raise InputError(f'{where}: "score" must be a finite number, not {value!r:.40}')


def _box(entry: Mapping[str, Any], mask: dict[str, Any] | None, where: str) -> list[float]:
    """[x, y, width, height]: as given, or around the mask."""
    box = entry.get("bbox")
    if not box:
        return [float(v) for v in coco_mask.toBbox(mask)]
    try:
        x, y, width, height = (float(v) for v in box)
        if not all(map(math.isfinite, (x, y, width, height))):
            raise ValueError("not finite")
    except (OverflowError, TypeError, ValueError) as error:
        raise InputError(f'{where}: "bbox" must be [x, y, width, height]') from error
    return [x, y, width, height]
