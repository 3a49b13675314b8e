"""SBD's metrics."""

from __future__ import annotations

import numpy as np
import pytest
from coco_scenes import evaluate_sbd, found, random_scene, truth
from plain_pycocotools import LIBRARIES, computed_by

from e2ec.metrics.coco import evaluate_coco
from e2ec.metrics.sbd import SBD_THRESHOLDS


def test_apvol_by_hand() -> None:
    """A square of 100 shifted by 25 columns: IoU 7500 / 12500 = 0.6, right at 0.1 ... 0.6, 6 of 9
    thresholds. Boundaries are 6 pixels wide (200 x 240) and hardly overlap."""
    ground_truth = truth([(1, 1, (20, 20, 100, 100))])
    metrics = evaluate_sbd(ground_truth, [found(1, 1, (45, 20, 100, 100), 0.9)], per_class=True)
    for kind in ("segm", "bbox"):
        assert metrics[f"{kind}/APvol"] == pytest.approx(6 / 9)
        assert metrics[f"{kind}/AP50"] == pytest.approx(1.0)
        assert metrics[f"{kind}/AP70"] == 0.0
        assert metrics[f"{kind}/APvol/class 1"] == pytest.approx(6 / 9)
        assert f"{kind}/AP" not in metrics
    assert metrics["boundary/AP"] == metrics["boundary/AP/class 1"] == 0.0


def test_an_overlap_of_seven_tenths_counts_at_seven_tenths() -> None:
    """10 x 10 and 10 x 7 pixels: IoU is 70 / 100, and 0.7 is among the thresholds as written."""
    ground_truth = truth([(1, 1, (10, 10, 10, 10))])
    for library in LIBRARIES:
        with computed_by(library):
            metrics = evaluate_sbd(ground_truth, [found(1, 1, (10, 10, 7, 10), 1.0)])
        assert metrics["segm/AP70"] == metrics["bbox/AP70"] == pytest.approx(1.0)
        assert metrics["segm/APvol"] == pytest.approx(7 / 9)


def test_apvol_is_the_mean_of_evaluations_at_each_threshold() -> None:
    ground_truth, results = random_scene(1, rle=True)
    metrics = evaluate_sbd(ground_truth, results)
    for kind in ("segm", "bbox"):
        each = [
            evaluate_coco(ground_truth, results, iou_types=[kind], iou_thresholds=[t])[f"{kind}/AP"]
            for t in SBD_THRESHOLDS
        ]
        assert metrics[f"{kind}/APvol"] == pytest.approx(
            np.mean([v for v in each if v is not None])
        )
        assert metrics[f"{kind}/AP50"] == pytest.approx(each[4])
        assert metrics[f"{kind}/AP70"] == pytest.approx(each[6])
    coco = evaluate_coco(ground_truth, results, iou_types=["boundary"])
    assert {k: v for k, v in metrics.items() if k.startswith("boundary")} == coco
