"""Ground truth and results in COCO's format, checked and brought to run-length masks.

COCO's tools take what they are given: a result with both a box and a mask is sorted into small,
medium and large by its box, a polygon in a result crashes them, an unknown image id fails an
assertion. Everything is therefore brought to one form first, in copies.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
        boundaries: run lengths of the annotations' boundaries by their id, as far as they have been
            needed: other detections beside the same annotations need them again.
    """

    sizes: Sizes
    categories: list[dict[str, Any]]
    annotations: list[dict[str, Any]]
    detections: list[dict[str, Any]]
    boundaries: dict[int, dict[str, Any]] = field(default_factory=dict)


def prepare_inputs(
    ground_truth: Mapping[str, Any],
    results: Iterable[Mapping[str, Any]],
    *,
    masks: bool = True,
    results_name: str = "results",
) -> EvaluationInputs:
    """Checked copies of ground truth and results with their masks as compressed run lengths.

    Args:
        ground_truth: COCO dictionary. A missing area or bbox is taken from the mask.
        results: COCO results.
        masks: whether masks are compared. Without, one is read only where the box is missing.
        results_name: the results' file, for messages.

    Raises:
        InputError: an image, annotation or result is unusable; the message names it.
    """
    for key in ("images", "annotations", "categories"):
        if not isinstance(ground_truth.get(key), list):
            raise InputError(f'ground truth: the list "{key}" is missing')
    sizes = _image_sizes(ground_truth["images"])
    categories = [dict(category) for category in ground_truth["categories"]]
    annotations = _prepare_annotations(ground_truth["annotations"], sizes, categories, masks=masks)
    inputs = EvaluationInputs(sizes, categories, annotations, [])
    return with_results(inputs, results, masks=masks, results_name=results_name)


def with_results(
    inputs: EvaluationInputs,
    results: Iterable[Mapping[str, Any]],
    *,
    masks: bool = True,
    results_name: str = "results",
) -> EvaluationInputs:
    """Other results beside the same ground truth; arguments and errors as `prepare_inputs`."""
    categories = {category["id"] for category in inputs.categories}
    detections: list[dict[str, Any]] = []
    for number, result in enumerate(results):
        where = f"{results_name}: entry {number}"
        detection: dict[str, Any] = {
            "id": number + 1,
            "image_id": int(_known_id(result, "image_id", inputs.sizes, where)),
            "category_id": int(_known_id(result, "category_id", categories, where)),
            "score": _score(result.get("score"), where),
        }
        size = inputs.sizes[detection["image_id"]]
        mask_area = _add_mask_and_box(detection, result, size, where, masks=masks)
        if mask_area is not None:
            detection["mask_area"] = mask_area
        detections.append(detection)
    return replace(inputs, detections=detections)


def _image_sizes(images: Iterable[Mapping[str, Any]]) -> Sizes:
    sizes: Sizes = {}
    for image in images:
        try:
            sizes[int(image["id"])] = (int(image["height"]), int(image["width"]))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"ground truth: image {image!r:.80} needs whole numbers id, height and width"
            ) from error
    return sizes


def _prepare_annotations(
    annotations: Iterable[Mapping[str, Any]],
    sizes: Sizes,
    categories: Iterable[Mapping[str, Any]],
    *,
    masks: bool,
) -> list[dict[str, Any]]:
    category_ids = {category["id"] for category in categories}
    prepared: list[dict[str, Any]] = []
    for annotation in annotations:
        image_id = int(annotation["image_id"])
        if image_id not in sizes:
            continue
        where = f"ground truth: annotation {annotation.get('id')}"
        entry: dict[str, Any] = {
            "id": len(prepared) + 1,
            "image_id": image_id,
            "category_id": _known_id(annotation, "category_id", category_ids, where),
            "iscrowd": int(annotation.get("iscrowd", 0)),
        }
        area = annotation.get("area")
        needed = masks or area is None
        mask_area = _add_mask_and_box(entry, annotation, sizes[image_id], where, masks=needed)
        entry["area"] = float(mask_area if area is None else area)  # type: ignore[arg-type]
        prepared.append(entry)
    return prepared


def _known_id(entry: Mapping[str, Any], key: str, known: Container[Any], where: str) -> Any:
    value = entry.get(key)
    # Lists and dictionaries cannot even be looked up, and true would be 1.
    if not isinstance(value, Real) or isinstance(value, bool) or value not in known:
        raise InputError(
            f"{where}: {key} {value!r:.40} is not in the ground truth; write ids as numbers, and "
            "evaluate results with the data they were made for"
        )
    return value


def _score(value: Any, where: str) -> float:
    if not _is_finite(value):
        raise InputError(
            f'{where}: "score" must be a finite number, not {value!r:.40}; results need one, '
            "ground truth has none"
        )
    return float(value)


def _add_mask_and_box(
    prepared: dict[str, Any],
    entry: Mapping[str, Any],
    size: tuple[int, int],
    where: str,
    *,
    masks: bool,
) -> float | None:
    """Add the mask, if asked for or needed, and the box; returns the mask's area."""
    area = None
    box = entry.get("bbox")
    if masks or not box:
        prepared["segmentation"], area = compressed_mask(entry.get("segmentation"), size, where)
    if not box:
        box = coco_mask.toBbox(prepared["segmentation"]).tolist()
    elif not isinstance(box, Sequence) or len(box) != 4 or not all(map(_is_finite, box)):
        raise InputError(
            f'{where}: "bbox" must be four numbers, not {box!r:.60}; write [x, y, width, height]'
        )
    prepared["bbox"] = [float(value) for value in box]
    return area


def _is_finite(value: Any) -> bool:
    """Whether it is a number, and one that a float can hold."""
    try:
        return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # a whole number of hundreds of digits
        return False
