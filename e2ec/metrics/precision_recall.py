"""Precision and recall by IoU, class and size, computed by faster-coco-eval.

The boundaries of boundary AP are those of `e2ec.metrics.boundary`. faster-coco-eval makes those of
all detections, where only those of classes that the image holds are needed, and is wrong in two
cases: in images not higher than two boundary widths they are incomplete, and its ratio of 0.02 is a
float just below it, so that widths of exactly 13.5 pixels (540 x 405) become 13 where the authors
of boundary IoU take 14.
"""

from __future__ import annotations

import contextlib
import io
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster
from pycocotools import mask as coco_mask

from e2ec.metrics.boundary import run_length_boundary
from e2ec.metrics.coco_inputs import EvaluationInputs

IouType = Literal["segm", "bbox", "boundary"]
Area = Literal["all", "small", "medium", "large"]

IOU_TYPES: tuple[IouType, ...] = ("segm", "bbox", "boundary")
# The evaluator's area ranges, in their order: all, below 32^2, below 96^2, above.
_AREAS: tuple[Area, ...] = ("all", "small", "medium", "large")


@dataclass(frozen=True, eq=False)
class PrecisionRecall:
    """What an evaluator found for one IoU type; -1 where there is no ground truth.

    Attributes:
        iou_thresholds: (T,) float64.
        category_ids: of the K classes, ascending.
        precision: (T, 101, K, 4): by recall 0, 0.01, ..., 1 and by area.
        recall: (T, K, 4): the highest recall reached.
    """

    iou_thresholds: np.ndarray
    category_ids: tuple[int, ...]
    precision: np.ndarray
    recall: np.ndarray

    def average_precision(
        self, *, iou: float | None = None, area: Area = "all", category: int | None = None
    ) -> float | None:
        """Mean precision at one IoU threshold or all, of one category id or all; None: undefined.

        It is undefined without ground truth, or when `iou` is not among the thresholds.
        """
        values = self.precision[..., _AREAS.index(area)]
        if iou is not None:
            values = values[np.isclose(self.iou_thresholds, iou)]
        if category is not None:
            values = values[..., self.category_ids.index(category)]
        return _mean(values)

    def average_recall(self) -> float | None:
        """Mean over IoU thresholds and classes of the highest recall; None: undefined."""
        return _mean(self.recall[..., _AREAS.index("all")])


def precision_recall(
    inputs: EvaluationInputs,
    iou_type: IouType,
    *,
    iou_thresholds: Sequence[float],
    max_detections: int = 100,
) -> PrecisionRecall:
    """Match detections with ground truth as COCO does, by one type of overlap.

    Raises:
        ValueError: an unknown IoU type, a limit below 1, or no threshold in (0, 1].
    """
    if iou_type not in IOU_TYPES:
        raise ValueError(f"IoU type must be one of {', '.join(IOU_TYPES)}, not {iou_type!r}")
    if max_detections < 1:
        raise ValueError(f"max_detections must be at least 1, not {max_detections}")
    thresholds = np.array(iou_thresholds, np.float64)
    if thresholds.size == 0 or not ((thresholds > 0) & (thresholds <= 1)).all():
        raise ValueError(f"IoU thresholds must lie above 0 and up to 1, not {thresholds.tolist()}")
    with contextlib.redirect_stdout(io.StringIO()):  # it tells what it does
        evaluation = _evaluator(inputs, iou_type, max_detections, float(thresholds.min()))
        evaluation.params.iouThrs = thresholds
        evaluation.params.maxDets = [max_detections]
        evaluation.evaluate()
        evaluation.accumulate()
    return PrecisionRecall(
        iou_thresholds=thresholds,
        category_ids=tuple(int(i) for i in evaluation.params.catIds),
        precision=np.asarray(evaluation.eval["precision"])[..., -1],
        recall=np.asarray(evaluation.eval["recall"])[..., -1],
    )


def _evaluator(
    inputs: EvaluationInputs, iou_type: IouType, max_detections: int, least: float
) -> Any:
    """An evaluator whose thresholds will be `least` and above."""
    by_box = iou_type == "bbox"
    indices = []
    for entries in (inputs.annotations, inputs.detections):
        index = COCO()
        index.dataset = {
            "images": [{"id": i, "height": h, "width": w} for i, (h, w) in inputs.sizes.items()],
            "categories": inputs.categories,
            "annotations": [_with_area(entry, by_box=by_box) for entry in entries],
        }
        index.createIndex()
        indices.append(index)
    evaluation = COCOeval_faster(*indices, "bbox" if by_box else "segm")
    if iou_type == "boundary":
        truth, found = _by_class(inputs.annotations), _by_class(inputs.detections)
        mask_overlaps = evaluation.computeIoU
        evaluation.computeIoU = lambda *key: _with_boundaries(
            mask_overlaps(*key),
            truth.get(key, []),
            found.get(key, []),
            max_detections,
            inputs.boundaries,
            least,
        )
    return evaluation


def _with_area(entry: dict[str, Any], *, by_box: bool) -> dict[str, Any]:
    """An entry with the area that sorts it: a detection's is of its box or, else, of its mask."""
    if "area" in entry:
        return dict(entry)
    _, _, width, height = entry["bbox"]
    return {**entry, "iscrowd": 0, "area": width * height if by_box else entry["mask_area"]}


def _by_class(entries: Iterable[dict[str, Any]]) -> dict[tuple[int, int], list[dict[str, Any]]]:
    """Annotations by image and category id, in their order, which is the evaluator's."""
    groups: defaultdict[tuple[int, int], list[dict[str, Any]]] = defaultdict(list)
    for entry in entries:
        groups[entry["image_id"], entry["category_id"]].append(entry)
    return dict(groups)


def _with_boundaries(
    overlaps: Any,
    truth: Sequence[Any],
    found: Sequence[Any],
    max_detections: int,
    known: dict[int, dict[str, Any]],
    least: float,
) -> Any:
    """The overlaps (detections by falling score, ground truth) of boundary AP, from mask IoUs.

    They are min(mask IoU, boundary IoU); a crowd region is matched by its mask alone. `known` are
    boundaries of ground truth by its id; those that are not there are added. Pairs whose masks
    overlap less than `least` are no match whatever their boundaries: these are not looked at.
    """
    if len(truth) == 0 or len(found) == 0:
        return overlaps
    order = np.argsort([-d["score"] for d in found], kind="mergesort")[:max_detections]
    crowd = np.array([g["iscrowd"] for g in truth], bool)
    overlaps = np.array(overlaps, np.float64)
    possible = (overlaps >= least) & ~crowd
    rows, columns = possible.any(axis=1).nonzero()[0], possible.any(axis=0).nonzero()[0]
    if len(rows) == 0:
        return overlaps
    for entry in (truth[i] for i in columns):
        if entry["id"] not in known:
            known[entry["id"]] = run_length_boundary(entry["segmentation"])
    boundaries = coco_mask.iou(
        [run_length_boundary(found[order[i]]["segmentation"]) for i in rows],
        [known[truth[i]["id"]] for i in columns],
        [0] * len(columns),
    )
    both = np.ix_(rows, columns)
    overlaps[both] = np.minimum(overlaps[both], boundaries)
    return overlaps


def _mean(values: np.ndarray) -> float | None:
    defined = values[values > -1]
    return float(defined.mean()) if defined.size else None
