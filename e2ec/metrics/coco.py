"""COCO's average precision of masks, boxes and boundaries.

Boundary AP is that of Cheng et al., "Boundary IoU" (CVPR 2021): IoU = min(mask IoU, boundary IoU),
with boundaries max(1, round(0.02 * image diagonal)) pixels wide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from e2ec.metrics.coco_inputs import EvaluationInputs, prepare_inputs
from e2ec.metrics.precision_recall import IOU_TYPES, IouType, PrecisionRecall, precision_recall

Metrics = dict[str, float | None]

COCO_THRESHOLDS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)


def evaluate_coco(
    ground_truth: Mapping[str, Any],
    results: Sequence[Mapping[str, Any]],
    *,
    iou_types: Sequence[IouType] = IOU_TYPES,
    iou_thresholds: Sequence[float] = COCO_THRESHOLDS,
    max_detections: int = 100,
    per_class: bool = False,
    results_name: str = "results",
) -> Metrics:
    """COCO metrics of `results` against `ground_truth`.

    Every image of the ground truth counts, with detections or without; an empty list of results
    gives 0. A class without ground truth (crowd regions are none) is left out of every mean. A
    value that is not defined, because no ground truth of that size or class exists or its threshold
    is not evaluated, is None.

    Args:
        ground_truth: COCO dictionary with images, annotations and categories. Masks are polygons
            or run lengths; a missing area or bbox is taken from the mask. Not modified.
        results: COCO results: image_id, category_id, score, segmentation (polygons or run lengths)
            and optionally bbox (from the mask when missing). For boxes alone, a bbox is enough.
            Not modified.
        iou_types: which overlaps to evaluate: of masks, boxes, mask boundaries.
        iou_thresholds: smallest overlaps of a right detection; AP and AR are means over them.
        max_detections: the most detections taken per image and class, those of highest score. COCO
            uses 100; images that hold more objects need a higher limit to reach an AP of 1. It
            applies to every value returned.
        per_class: give the AP of every class as well.
        results_name: the results' file, for messages.

    Returns:
        For each IoU type "<type>/AP" (mean over the IoU thresholds), "AP50", "AP75", "APs", "APm",
        "APl" (by area: below 32^2, below 96^2, above; mask area of detections, box area for
        "bbox"), "AR" (mean recall over the same IoUs); with `per_class` "<type>/AP/<class name>",
        and " (id <category id>)" behind the names that several classes share.

    Raises:
        InputError: an image, annotation or result is unusable; the message names it.
        ValueError: an unknown IoU type, a limit below 1, or unusable thresholds.
    """
    inputs = prepare_inputs(
        ground_truth,
        results,
        masks=any(iou_type != "bbox" for iou_type in iou_types),
        results_name=results_name,
    )
    return coco_metrics(
        inputs,
        iou_types=iou_types,
        iou_thresholds=iou_thresholds,
        max_detections=max_detections,
        per_class=per_class,
    )


def coco_metrics(
    inputs: EvaluationInputs,
    *,
    iou_types: Sequence[IouType] = IOU_TYPES,
    iou_thresholds: Sequence[float] = COCO_THRESHOLDS,
    max_detections: int = 100,
    per_class: bool = False,
) -> Metrics:
    """`evaluate_coco` for inputs that are prepared already."""
    metrics: Metrics = {}
    for iou_type in iou_types:
        found = precision_recall(
            inputs,
            iou_type,
            iou_thresholds=iou_thresholds,
            max_detections=max_detections,
        )
        metrics |= coco_summary(found, iou_type)
        if per_class:
            metrics |= class_summary(found, f"{iou_type}/AP", inputs.categories)
    return metrics


def coco_summary(found: PrecisionRecall, iou_type: IouType) -> Metrics:
    """COCO's main numbers, named "<type>/AP" and so on (see `evaluate_coco`)."""
    values: Metrics = {
        "AP": found.average_precision(),
        "AP50": found.average_precision(iou=0.5),
        "AP75": found.average_precision(iou=0.75),
        "APs": found.average_precision(area="small"),
        "APm": found.average_precision(area="medium"),
        "APl": found.average_precision(area="large"),
        "AR": found.average_recall(),
    }
    return {f"{iou_type}/{key}": value for key, value in values.items()}


def class_summary(
    found: PrecisionRecall, name: str, categories: Sequence[Mapping[str, Any]]
) -> Metrics:
    """The AP of every class as "<name>/<class name>"."""
    names = distinct_names(categories)
    return {
        f"{name}/{names[category]}": found.average_precision(category=category)
        for category in found.category_ids
    }


def distinct_names(categories: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """By category id the class's name, with the id behind it where several share the name."""
    uses = Counter(category["name"] for category in categories)
    return {
        c["id"]: c["name"] if uses[c["name"]] == 1 else f"{c['name']} (id {c['id']})"
        for c in categories
    }
