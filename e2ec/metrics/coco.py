"""COCO's average precision of masks, boxes and boundaries, through faster-coco-eval.

Boundary AP is that of Cheng et al., "Boundary IoU" (CVPR 2021): IoU = min(mask IoU, boundary IoU),
with boundaries max(1, round(0.02 * image diagonal)) pixels wide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from faster_coco_eval import COCOeval_faster

from e2ec.metrics.coco_inputs import (
    Sizes,
    evaluation_set,
    image_sizes,
    prepare_ground_truth,
    prepare_results,
)

IouType = Literal["segm", "bbox", "boundary"]
Metrics = dict[str, float | None]

IOU_TYPES: tuple[IouType, ...] = ("segm", "bbox", "boundary")
SUMMARY = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR")
BOUNDARY_RATIO = 0.02
# Positions of the evaluator's area ranges: all, small (< 32^2), medium (< 96^2), large.
_AREAS = {"APs": 1, "APm": 2, "APl": 3}


def evaluate_coco(
    ground_truth: Mapping[str, Any],
    results: Sequence[Mapping[str, Any]],
    *,
    iou_types: Sequence[IouType] = IOU_TYPES,
    max_detections: int = 100,
    per_class: bool = False,
    image_ids: Collection[int] | None = None,
) -> Metrics:
    """COCO metrics of `results` against `ground_truth`.

    Every image of the ground truth counts, with detections or without; an empty list of results
    gives 0. A class without ground truth (crowd regions are none) is left out of every mean. A
    value that is not defined, because no ground truth of that size or class exists, is None.

    Args:
        ground_truth: COCO dictionary with images, annotations and categories. Masks are polygons
            or run lengths; a missing area or bbox is taken from the mask. Not modified.
        results: COCO results: image_id, category_id, score, segmentation (polygons or run lengths)
            and optionally bbox (from the mask when missing). For boxes alone, a bbox is enough.
            Not modified.
        iou_types: which overlaps to evaluate: of masks, boxes, mask boundaries.
        max_detections: the most detections taken per image and class, those of highest score. COCO
            uses 100; images that hold more objects need a higher limit to reach an AP of 1. It
            applies to every value returned.
        per_class: give the AP of every class as well.
        image_ids: evaluate these images alone; results of other images are ignored.

    Returns:
        For each IoU type "<type>/AP" (mean over IoU 0.50:0.05:0.95), "AP50", "AP75", "APs", "APm",
        "APl" (by area: below 32^2, below 96^2, above; mask area of detections, box area for
        "bbox"), "AR" (mean recall over the same IoUs); with `per_class` "<type>/AP/<class name>",
        and " (id <category id>)" behind the names that several classes share.

    Raises:
        InputError: an image, annotation or result is unusable; the message names it.
        ValueError: an unknown IoU type, or a limit below 1.
    """
    if max_detections < 1:
        raise ValueError(f"max_detections must be at least 1, not {max_detections}")
    for iou_type in iou_types:
        if iou_type not in IOU_TYPES:
            raise ValueError(f"IoU type must be one of {', '.join(IOU_TYPES)}, not {iou_type!r}")
    sizes = image_sizes(ground_truth, image_ids)
    masks = any(iou_type != "bbox" for iou_type in iou_types)
    annotations = prepare_ground_truth(ground_truth, sizes, masks=masks)
    detections = prepare_results(results, ground_truth, sizes, masks=masks)
    names = _distinct_names(ground_truth["categories"])
    metrics: Metrics = {}
    for iou_type in iou_types:
        evaluation = _evaluate(
            annotations, detections, ground_truth, sizes, iou_type, max_detections
        )
        metrics.update(_summary(evaluation, iou_type))
        if per_class:
            metrics.update(_class_summary(evaluation, iou_type, names))
    return metrics


def format_table(metrics: Mapping[str, float | None]) -> str:
    """The metrics of `evaluate_coco` as a table in percent; a dash where a value is undefined."""
    types = [t for t in IOU_TYPES if f"{t}/AP" in metrics]
    rows = [[t, *(_percent(metrics[f"{t}/{key}"]) for key in SUMMARY)] for t in types]
    table = _aligned([["", *SUMMARY], *rows])
    prefixes = [f"{t}/AP/" for t in types]
    classes = list(dict.fromkeys(k[len(p) :] for p in prefixes for k in metrics if k.startswith(p)))
    if not classes:
        return table
    class_rows = [[c, *(_percent(metrics.get(f"{p}{c}")) for p in prefixes)] for c in classes]
    return table + "\n\n" + _aligned([["class", *(f"{t} AP" for t in types)], *class_rows])


def _evaluate(
    annotations: Sequence[Mapping[str, Any]],
    detections: Sequence[Mapping[str, Any]],
    ground_truth: Mapping[str, Any],
    sizes: Sizes,
    iou_type: IouType,
    max_detections: int,
) -> COCOeval_faster:
    by_box = iou_type == "bbox"
    evaluation = COCOeval_faster(
        evaluation_set(annotations, ground_truth, sizes, by_box=by_box),
        evaluation_set(detections, ground_truth, sizes, by_box=by_box),
        iou_type,
        boundary_dilation_ratio=BOUNDARY_RATIO,
    )
    # The evaluator's own summary is not used: pycocotools' reads the rows of 100 detections only.
    evaluation.params.maxDets = [max_detections]
    evaluation.evaluate()
    evaluation.accumulate()
    return evaluation


def _summary(evaluation: COCOeval_faster, iou_type: IouType) -> Metrics:
    # precision: (IoU thresholds, recall thresholds, classes, areas, limits), -1 where undefined.
    precision = np.asarray(evaluation.eval["precision"])[..., 0]
    recall = np.asarray(evaluation.eval["recall"])[..., 0]
    thresholds = evaluation.params.iouThrs
    values: Metrics = {
        "AP": _mean(precision[..., 0]),
        "AP50": _mean(precision[np.isclose(thresholds, 0.5), ..., 0]),
        "AP75": _mean(precision[np.isclose(thresholds, 0.75), ..., 0]),
        **{key: _mean(precision[..., index]) for key, index in _AREAS.items()},
        "AR": _mean(recall[..., 0]),
    }
    return {f"{iou_type}/{key}": value for key, value in values.items()}


def _class_summary(
    evaluation: COCOeval_faster, iou_type: IouType, names: Mapping[int, str]
) -> Metrics:
    precision = np.asarray(evaluation.eval["precision"])[..., 0, 0]
    return {
        f"{iou_type}/AP/{names[int(category)]}": _mean(precision[:, :, index])
        for index, category in enumerate(evaluation.params.catIds)
    }


def _distinct_names(categories: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """By category id the class's name, with the id behind it where several share the name."""
    uses = Counter(category["name"] for category in categories)
    return {
        c["id"]: c["name"] if uses[c["name"]] == 1 else f"{c['name']} (id {c['id']})"
        for c in categories
    }


def _mean(values: np.ndarray) -> float | None:
    defined = values[values > -1]
    return float(defined.mean()) if defined.size else None


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
