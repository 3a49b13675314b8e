"""The evaluators run as their demonstrations do it, to compare our metrics with."""

from __future__ import annotations

import contextlib
import copy
import io
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from faster_coco_eval import COCO as FasterCOCO
from faster_coco_eval import COCOeval_faster
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from e2ec.metrics import precision_recall

NAMES = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR")
# Where they stand among the twelve numbers of pycocotools.
_PLACES = (0, 1, 2, 3, 4, 5, 8)


def pycocotools_metrics(
    ground_truth: dict, results: list[dict], iou_type: str
) -> dict[str, float | None]:
    """The numbers by name; None where pycocotools has -1.

    Results with a box and a mask go in without the other one: pycocotools takes the area of a
    result from its box where it has one.
    """
    dropped = "bbox" if iou_type == "segm" else "segmentation"
    results = [{k: v for k, v in result.items() if k != dropped} for result in results]
    with contextlib.redirect_stdout(io.StringIO()):
        reference = COCO()
        reference.dataset = copy.deepcopy(ground_truth)
        reference.createIndex()
        evaluation = COCOeval(reference, reference.loadRes(results), iou_type)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    values = dict(zip(NAMES, evaluation.stats[list(_PLACES)].tolist(), strict=True))
    return {key: None if value == -1 else value for key, value in values.items()}


def library_boundary_metrics(ground_truth: dict, results: list[dict]) -> dict[str, float | None]:
    """The six APs of boundaries by faster-coco-eval alone, which finds the boundaries itself."""
    results = [{k: v for k, v in result.items() if k != "bbox"} for result in results]
    reference = FasterCOCO(copy.deepcopy(ground_truth))
    evaluation = COCOeval_faster(reference, reference.loadRes(results), "boundary")
    evaluation.run()
    values = zip(NAMES[:6], evaluation.stats[:6].tolist(), strict=True)
    return {key: None if value == -1 else value for key, value in values}


LIBRARIES = ("faster-coco-eval", "pycocotools")


@contextmanager
def computed_by(library: str) -> Iterator[None]:
    """Our metrics with the evaluator of one library or the other inside."""
    with pytest.MonkeyPatch.context() as patch:
        if library == "pycocotools":
            patch.setattr(precision_recall, "COCO", COCO)
            patch.setattr(precision_recall, "COCOeval_faster", COCOeval)
        yield
