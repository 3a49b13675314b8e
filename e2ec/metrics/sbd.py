"""The metrics of SBD: AP of masks and boxes at nine overlaps, and boundary AP.

SBD's APvol is the mean AP over the IoU thresholds 0.1, 0.2, ..., 0.9, with all else as in COCO;
AP50 and AP70 are at one of them. The boundary AP that papers give for SBD has COCO's thresholds
0.50, 0.55, ..., 0.95. SBD knows neither crowd regions nor difficult objects.
"""

from __future__ import annotations

from collections.abc import Sequence

from e2ec.metrics.coco import COCO_THRESHOLDS, Metrics, class_summary, coco_summary
from e2ec.metrics.coco_inputs import EvaluationInputs
from e2ec.metrics.precision_recall import IOU_TYPES, IouType, precision_recall

# Written out: 0.7 computed as a multiple of 0.1 is another number.
SBD_THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def sbd_metrics(
    inputs: EvaluationInputs,
    *,
    iou_types: Sequence[IouType] = IOU_TYPES,
    max_detections: int = 100,
    per_class: bool = False,
) -> Metrics:
    """SBD's metrics; arguments and undefined values as of `evaluate_coco`.

    Returns:
        "segm/APvol", "segm/AP50", "segm/AP70" and the same for "bbox"; for "boundary" what
        `evaluate_coco` returns. With `per_class` "<type>/APvol/<class name>" and
        "boundary/AP/<class name>".
    """
    metrics: Metrics = {}
    for iou_type in iou_types:
        boundary = iou_type == "boundary"
        found = precision_recall(
            inputs,
            iou_type,
            iou_thresholds=COCO_THRESHOLDS if boundary else SBD_THRESHOLDS,
            max_detections=max_detections,
        )
        if boundary:
            metrics |= coco_summary(found, iou_type)
        else:
            metrics[f"{iou_type}/APvol"] = found.average_precision()
            metrics[f"{iou_type}/AP50"] = found.average_precision(iou=0.5)
            metrics[f"{iou_type}/AP70"] = found.average_precision(iou=0.7)
        if per_class:
            name = f"{iou_type}/{'AP' if boundary else 'APvol'}"
            metrics |= class_summary(found, name, inputs.categories)
    return metrics
