"""COCO's and SBD's metrics: against pycocotools and values worked out by hand."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from coco_scenes import HEIGHT, WIDTH, evaluate_sbd, found, random_scene, truth
from plain_pycocotools import (
    LIBRARIES,
    NAMES,
    computed_by,
    library_boundary_metrics,
    pycocotools_metrics,
)
from pycocotools import mask as coco_mask

from e2ec.metrics.coco import evaluate_coco
from e2ec.metrics.precision_recall import IOU_TYPES
from e2ec.metrics.sbd import SBD_THRESHOLDS


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("iou_type", ["segm", "bbox"])
@pytest.mark.parametrize("library", LIBRARIES)
def test_agrees_with_pycocotools(seed: int, iou_type: Any, library: Any) -> None:
    """All numbers, also with scores that many detections share."""
    ground_truth, results = random_scene(seed, rle=True)
    if seed == 2:
        results = [{**r, "score": round(r["score"], 1)} for r in results]
    with computed_by(library):
        metrics = evaluate_coco(ground_truth, results, iou_types=[iou_type])
    expected = pycocotools_metrics(ground_truth, results, iou_type)
    assert set(metrics) == {f"{iou_type}/{key}" for key in NAMES}
    for key in NAMES:
        assert metrics[f"{iou_type}/{key}"] == pytest.approx(expected[key], abs=1e-6), key


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_boundary_ap_agrees_with_the_boundaries_of_faster_coco_eval(seed: int) -> None:
    """Its own boundaries, found in C++, against ours, which go into either evaluator."""
    ground_truth, results = random_scene(seed, rle=True)
    expected = library_boundary_metrics(ground_truth, results)
    for library in LIBRARIES:
        with computed_by(library):
            metrics = evaluate_coco(ground_truth, results, iou_types=["boundary"])
        for key, value in expected.items():
            assert metrics[f"boundary/{key}"] == pytest.approx(value, abs=1e-6), key


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("max_detections", [1, 3, 100])
def test_both_libraries_give_the_same(seed: int, max_detections: int) -> None:
    """Every number of every type, boundaries and classes included, with crowds and ties."""
    ground_truth, results = random_scene(seed, rle=seed > 0)
    results = [{**r, "score": round(r["score"], 1)} for r in results]
    settings: Any = {"per_class": True, "max_detections": max_detections}
    settings["iou_thresholds"] = (0.3, 0.5, 0.6, 0.75, 0.99)
    first = evaluate_coco(ground_truth, results, **settings)
    with computed_by("pycocotools"):
        second = evaluate_coco(ground_truth, results, **settings)
    assert list(first) == list(second)
    for key, value in first.items():
        assert value == pytest.approx(second[key], abs=1e-6), key


def test_thresholds_are_those_asked_for() -> None:
    """A box of 10 x 10 shifted by 2 has IoU 80 / 120 = 0.67: right at two of three thresholds.
    AP75 is not evaluated."""
    ground_truth = truth([(1, 1, (10, 10, 10, 10))])
    results = [found(1, 1, (12, 10, 10, 10), 0.9)]
    for library in LIBRARIES:
        with computed_by(library):
            metrics = evaluate_coco(
                ground_truth, results, iou_types=["segm", "bbox"], iou_thresholds=(0.3, 0.5, 0.7)
            )
        for kind in ("segm", "bbox"):
            assert metrics[f"{kind}/AP"] == pytest.approx(2 / 3)
            assert metrics[f"{kind}/AR"] == pytest.approx(2 / 3)
            assert metrics[f"{kind}/AP50"] == pytest.approx(1.0)
            assert metrics[f"{kind}/AP75"] is None


def test_perfect_results_give_one_and_nothing_gives_zero() -> None:
    ground_truth, _ = random_scene(6, rle=True)
    perfect = [
        {**annotation, "score": 0.9}
        for annotation in ground_truth["annotations"]
        if not annotation["iscrowd"]
    ]
    for key, value in evaluate_coco(ground_truth, perfect).items():
        assert value == pytest.approx(1.0), key
    for key, value in evaluate_coco(ground_truth, []).items():
        assert value == 0.0, key


def test_images_without_detections_count() -> None:
    """Two images with an object each, one found perfectly: recall 1/2, and of the 101 recall
    points 0, 0.01, ..., 1 the 51 up to 0.5 have precision 1: AP = 51 / 101."""
    box = (10, 10, 50, 50)
    ground_truth = truth([(1, 1, box), (2, 1, box)], images=2)
    metrics = evaluate_coco(ground_truth, [found(1, 1, box, 0.9)])
    for iou_type in IOU_TYPES:
        assert metrics[f"{iou_type}/AP"] == pytest.approx(51 / 101)
        assert metrics[f"{iou_type}/AR"] == pytest.approx(0.5)


def test_classes_without_ground_truth_are_left_out() -> None:
    """Class 1 is found, class 2 is missed, class 3 does not occur: the mean is that of two."""
    box = (10, 10, 50, 50)
    ground_truth = truth([(1, 1, box), (1, 2, box)], classes=3)
    results = [found(1, 1, box, 0.9), found(1, 3, box, 0.9)]
    metrics = evaluate_coco(ground_truth, results, per_class=True)
    assert metrics["segm/AP"] == pytest.approx(0.5)
    assert metrics["segm/AP/class 1"] == pytest.approx(1.0)
    assert metrics["segm/AP/class 2"] == 0.0
    assert metrics["segm/AP/class 3"] is None
    assert metrics["segm/APs"] is None
    assert metrics["segm/APm"] == pytest.approx(0.5)


def test_without_any_ground_truth_nothing_is_defined() -> None:
    box = (10, 10, 50, 50)
    for results in ([], [found(1, 1, box, 0.9)]):
        metrics = evaluate_coco(truth([]), results)
        assert set(metrics.values()) == {None}
        assert json.loads(json.dumps(metrics)) == metrics


def test_the_detection_limit_is_obeyed() -> None:
    """300 objects found perfectly. With 500 detections allowed everything is 1. With 100 the recall
    is 1/3, so of 101 recall points the 34 at 0, 0.01, ..., 0.33 have precision 1."""
    boxes = [(1, 1, (12 * (i % 20), 13 * (i // 20), 10, 11)) for i in range(300)]
    ground_truth = truth(boxes)
    results = [found(1, 1, box, 1 - 0.001 * i) for i, (_, _, box) in enumerate(boxes)]
    enough = evaluate_coco(ground_truth, results, max_detections=500)
    limited = evaluate_coco(ground_truth, results, max_detections=100)
    for iou_type in IOU_TYPES:
        for key in ("AP", "AP50", "AP75", "APs", "AR"):
            assert enough[f"{iou_type}/{key}"] == pytest.approx(1.0)
        assert limited[f"{iou_type}/AP"] == pytest.approx(34 / 101)
        assert limited[f"{iou_type}/APs"] == pytest.approx(34 / 101)
        assert limited[f"{iou_type}/AR"] == pytest.approx(1 / 3)
    # The limit takes the detections of highest score.
    assert evaluate_coco(ground_truth, results[::-1]) == limited
    assert evaluate_coco(ground_truth, results, max_detections=1)["segm/AR"] == pytest.approx(
        1 / 300
    )


def test_a_result_is_small_or_large_by_its_mask() -> None:
    """A thin frame of 40 x 40 pixels has a mask of 316 pixels, small, and a box of 1600, medium.
    Found as a false positive beside a small object, it counts among the small ones alone."""
    ring = np.zeros((HEIGHT, WIDTH), np.uint8)
    ring[100:140, 100:140] = 1
    ring[102:138, 102:138] = 0
    mask = coco_mask.encode(np.asfortranarray(ring))
    wrong = {
        "image_id": 1,
        "category_id": 1,
        "score": 0.9,
        "segmentation": {"size": mask["size"], "counts": mask["counts"].decode("ascii")},
        "bbox": [100, 100, 40, 40],
    }
    small, medium = (10, 10, 20, 20), (50, 10, 40, 40)
    ground_truth = truth([(1, 1, small), (1, 1, medium)])
    results = [wrong, found(1, 1, small, 0.5), found(1, 1, medium, 0.5)]
    metrics = evaluate_coco(ground_truth, results, iou_types=("segm", "bbox"))
    assert metrics["segm/APs"] == pytest.approx(0.5)
    assert metrics["segm/APm"] == pytest.approx(1.0)
    assert metrics["bbox/APs"] == pytest.approx(1.0)
    assert metrics["bbox/APm"] == pytest.approx(0.5)


def test_boundary_ap_by_hand() -> None:
    """A square of 100 x 100 in 200 x 240 has a boundary of round(0.02 * 312.4) = 6 pixels. Shifted
    by 2 the mask IoU is 9800 / 10200 = 0.96. The rings have 100^2 - 88^2 = 2256 pixels each. They
    share 2 sides of 98 x 6 along the shift (2 * 98 * 6 = 1176) and, of the 88 rows between, columns
    2..5 and 96..99 out of the ring columns 0..5, 94..99 and 2..7, 96..101 (88 * 8 = 704): 1880.
    Boundary IoU = 1880 / (2 * 2256 - 1880) = 0.7143: true at the thresholds 0.50 to 0.70, 5 of 10.
    """
    ground_truth = truth([(1, 1, (20, 20, 100, 100))])
    metrics = evaluate_coco(ground_truth, [found(1, 1, (22, 20, 100, 100), 0.9)])
    assert metrics["segm/AP"] == pytest.approx(1.0)
    assert metrics["boundary/AP"] == pytest.approx(0.5)


def test_classes_of_one_name_are_told_apart_by_their_ids() -> None:
    """Classes 1 and 3 are both called "cell"; the first is found, the other is missed."""
    box = (10, 10, 50, 50)
    ground_truth = truth([(1, 1, box), (1, 2, box), (1, 3, box)], classes=3)
    ground_truth["categories"][0]["name"] = ground_truth["categories"][2]["name"] = "cell"
    metrics = evaluate_coco(
        ground_truth, [found(1, 1, box, 0.9)], iou_types=["segm"], per_class=True
    )
    assert {k: v for k, v in metrics.items() if k.startswith("segm/AP/")} == {
        "segm/AP/cell (id 1)": pytest.approx(1.0),
        "segm/AP/class 2": 0.0,
        "segm/AP/cell (id 3)": 0.0,
    }


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
