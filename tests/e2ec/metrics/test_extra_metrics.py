"""Microscopy score, calibration and panoptic quality, each worked out by hand, and by libraries."""

from __future__ import annotations

import importlib.util
import itertools
from typing import Any

import numpy as np
import pytest
import torch
from coco_scenes import found, random_scene, truth
from pycocotools import mask as coco_mask

from e2ec.metrics.calibration import calibration
from e2ec.metrics.coco_inputs import prepare_inputs
from e2ec.metrics.extra_table import format_extra
from e2ec.metrics.image_overlaps import ImageOverlaps, image_overlaps
from e2ec.metrics.microscopy import MICROSCOPY_IOUS, best_threshold, microscopy_metrics
from e2ec.metrics.panoptic import panoptic_metrics
from lib.errors import InputError

needs_torchmetrics = pytest.mark.skipif(
    importlib.util.find_spec("torchmetrics") is None, reason="torchmetrics is missing"
)

# Image 1 holds three objects of 10 x 10 pixels. Found are the first, exactly, the second by 8 of
# its 10 columns (IoU 0.8), and one thing that is not there. Image 2 has one object, found exactly.
# Image 3 has neither.
BOXES = [
    (1, 1, (0, 0, 10, 10)),
    (1, 1, (20, 0, 10, 10)),
    (1, 1, (40, 0, 10, 10)),
    (2, 1, (0, 0, 10, 10)),
]
FOUND = [
    found(1, 1, (0, 0, 10, 10), 0.95),
    found(1, 1, (20, 0, 8, 10), 0.75),
    found(1, 1, (100, 0, 10, 10), 0.45),
    found(2, 1, (0, 0, 10, 10), 0.35),
]


def overlaps(ground_truth: dict[str, Any], results: list[dict[str, Any]]) -> list[ImageOverlaps]:
    return image_overlaps(prepare_inputs(ground_truth, results))


def by_hand(images: list[ImageOverlaps], threshold: float, iou: float) -> float:
    """The score by trying all pairings: of objects that are few."""
    scores = []
    for image in images:
        keep = image.scores >= threshold
        pairs, crowd = image.ious[keep] >= iou, image.crowd[keep] >= iou
        count, objects = pairs.shape
        best = (-1, 0)
        choices = itertools.product(range(objects + 1), repeat=count)  # `objects` is none
        for choice in choices:
            used = [c for c in choice if c < objects]
            if len(set(used)) < len(used):
                continue
            if not all(pairs[d, c] for d, c in enumerate(choice) if c < objects):
                continue
            false = sum(c == objects and not crowd[d] for d, c in enumerate(choice))
            best = max(best, (len(used), -false))
        matched, false = best[0], -best[1]
        if matched + false + objects - matched:
            scores.append(matched / (matched + false + objects - matched))
    return float(np.mean(scores))


def test_the_microscopy_score_by_hand() -> None:
    """Image 1: up to IoU 0.8 two matches, one false, one missed, 2/4; above it one match, two
    false, two missed, 1/5. Image 2: 1. Image 3 is left out."""
    metrics = microscopy_metrics(overlaps(truth(BOXES, images=3), FOUND), 0.3)
    low, high = (1 / 2 + 1) / 2, (1 / 5 + 1) / 2
    for iou in MICROSCOPY_IOUS:
        assert metrics[f"microscopy/{iou:.2f}"] == pytest.approx(low if iou <= 0.8 else high), iou
    assert metrics["microscopy/mean"] == pytest.approx((7 * low + 2 * high) / 9)
    assert metrics["microscopy/precision"] == pytest.approx(3 / 4)
    assert metrics["microscopy/recall"] == pytest.approx(3 / 4)


def test_the_threshold_counts_and_the_best_is_found() -> None:
    """At 0.4 image 2 is lost; at 0.5 the false one goes too, but image 2 with it: 0.3 is best."""
    images = overlaps(truth(BOXES, images=3), FOUND)
    assert microscopy_metrics(images, 0.35)["microscopy/0.50"] == pytest.approx(0.75)
    assert microscopy_metrics(images, 0.4)["microscopy/0.50"] == pytest.approx((2 / 4 + 0) / 2)
    assert microscopy_metrics(images, 0.5)["microscopy/0.50"] == pytest.approx((2 / 3 + 0) / 2)
    means = {t: microscopy_metrics(images, t)["microscopy/mean"] for t in (0.3, 0.4, 0.5, 0.9)}
    assert best_threshold(images, list(means)) == (0.3, pytest.approx(means[0.3]))
    assert best_threshold(images, [0.4, 0.5, 0.9]) == (0.5, pytest.approx(means[0.5]))
    assert best_threshold(images, [0.05, 0.1]) == (0.05, pytest.approx(means[0.3]))


def test_pairs_are_one_to_one_and_as_many_as_can_be() -> None:
    """The better detection overlaps both objects: taking its best would leave the other alone."""
    image = ImageOverlaps(
        scores=np.array([0.9, 0.8]), ious=np.array([[0.6, 0.55], [0.58, 0.0]]), crowd=np.zeros(2)
    )
    assert microscopy_metrics([image], 0.5)["microscopy/0.50"] == 1
    doubles = ImageOverlaps(np.array([0.9, 0.8]), np.array([[0.9], [0.9]]), np.zeros(2))
    assert microscopy_metrics([doubles], 0.5)["microscopy/0.50"] == pytest.approx(1 / 2)


@pytest.mark.parametrize("seed", range(3))
def test_random_scenes_against_trying_all_pairings(seed: int) -> None:
    rng = np.random.default_rng(seed)
    images = []
    for _ in range(12):
        detections, objects = rng.integers(0, 5, 2)
        images.append(
            ImageOverlaps(
                scores=np.sort(rng.random(detections))[::-1],
                ious=rng.uniform(0.3, 1, (detections, objects)),
                crowd=rng.uniform(0, 0.6, detections) * (rng.random(detections) < 0.2),
            )
        )
    metrics = microscopy_metrics(images, 0.25)
    for iou in (0.5, 0.7, 0.9):
        # Where crowd regions hold some, which are left unmatched may differ; here they do not.
        plain = [ImageOverlaps(i.scores, i.ious, np.zeros(len(i.scores))) for i in images]
        found_plain = microscopy_metrics(plain, 0.25)[f"microscopy/{iou:.2f}"]
        assert found_plain == pytest.approx(by_hand(plain, 0.25, iou))
        assert metrics[f"microscopy/{iou:.2f}"] >= found_plain


def test_other_classes_and_crowd_regions() -> None:
    """Class 2 does not find an object of class 1; what lies in a crowd region is not false."""
    scene = truth([(1, 1, (0, 0, 10, 10)), (1, 1, (50, 50, 40, 40))], classes=2)
    scene["annotations"][1]["iscrowd"] = 1
    box = (0, 0, 10, 10)
    assert microscopy_metrics(overlaps(scene, [found(1, 2, box, 0.9)]), 0.5)["microscopy/0.50"] == 0
    results = [found(1, 1, box, 0.9), found(1, 1, (55, 55, 10, 10), 0.8)]
    assert microscopy_metrics(overlaps(scene, results), 0.5)["microscopy/0.50"] == 1
    results = [found(1, 1, box, 0.9), found(1, 2, (55, 55, 10, 10), 0.8)]
    assert microscopy_metrics(overlaps(scene, results), 0.5)["microscopy/0.50"] == 1 / 2


def test_nothing_at_all_is_undefined() -> None:
    empty = overlaps(truth([], images=2), [])
    metrics = microscopy_metrics(empty, 0.5)
    assert len(metrics) == 12 and set(metrics.values()) == {None}
    assert calibration(empty) == (
        {"calibration/error": None, "calibration/overconfidence": None},
        [],
    )
    assert best_threshold(empty, [0.1, 0.2]) == (0.1, None)


def test_calibration_by_hand() -> None:
    """One detection a bin: right at 0.95, 0.75 and 0.35, wrong at 0.45. They differ by 0.05, 0.25,
    0.65 and 0.45."""
    metrics, rows = calibration(overlaps(truth(BOXES, images=3), FOUND))
    assert metrics["calibration/error"] == pytest.approx((0.05 + 0.25 + 0.65 + 0.45) / 4)
    assert metrics["calibration/overconfidence"] == pytest.approx(2.5 / 4 - 3 / 4)
    assert [row["from"] for row in rows] == [0.3, 0.4, 0.7, 0.9]
    assert rows[1] == {
        **{"from": 0.4, "to": 0.5, "detections": 1, "right": 0.0},
        "mean_score": pytest.approx(0.45),
    }


def test_of_two_detections_of_one_object_the_lower_is_wrong() -> None:
    """In the order of scores, whatever the order of the results."""
    results = [found(1, 1, (0, 0, 10, 10), 0.35), found(1, 1, (0, 0, 9, 10), 0.95)]
    _, rows = calibration(overlaps(truth([BOXES[0]]), results))
    assert [(row["from"], row["right"]) for row in rows] == [(0.3, 0.0), (0.9, 1.0)]


def test_scores_that_are_no_probabilities_are_named() -> None:
    results = [found(1, 1, (0, 0, 10, 10), 17.0)]
    with pytest.raises(InputError, match=r"mine\.json: scores go from 17 to 17"):
        calibration(overlaps(truth(BOXES, images=3), results), results_name="mine.json")


@needs_torchmetrics
def test_the_calibration_error_is_that_of_torchmetrics() -> None:
    from torchmetrics.classification import BinaryCalibrationError

    scene, results = random_scene(3, rle=False)
    images = overlaps(scene, results)
    metrics, rows = calibration(images)
    scores, right = [], []
    for image in images:
        taken: set[int] = set()
        for detection, score in enumerate(image.scores):
            free = [(v, g) for g, v in enumerate(image.ious[detection]) if g not in taken]
            value, best = max(free, default=(0.0, -1))
            if value >= 0.5:
                taken.add(best)
            elif image.crowd[detection] >= 0.5:
                continue
            scores.append(score)
            right.append(value >= 0.5)
    expected = BinaryCalibrationError(n_bins=10)(torch.tensor(scores), torch.tensor(right).int())
    assert len(scores) == sum(row["detections"] for row in rows) > 20
    assert metrics["calibration/error"] == pytest.approx(float(expected), abs=1e-6)


def test_panoptic_quality_by_hand() -> None:
    """Three matches of IoU 1, 0.8 and 1, one false, one missed: RQ 3 / (3 + 1/2 + 1/2)."""
    metrics = panoptic_metrics(prepare_inputs(truth(BOXES, images=3, classes=2), FOUND), 0.3)
    quality, recognition = (1 + 0.8 + 1) / 3, 3 / 4
    assert metrics["panoptic/SQ"] == pytest.approx(quality)
    assert metrics["panoptic/RQ"] == pytest.approx(recognition)
    assert metrics["panoptic/PQ"] == pytest.approx(quality * recognition)
    # From 0.4 on image 2 is missed: two matches, one false, two missed.
    metrics = panoptic_metrics(prepare_inputs(truth(BOXES, images=3), FOUND), 0.4)
    assert metrics["panoptic/PQ"] == pytest.approx(0.9 * 2 / 3.5)


def test_overlapping_detections_are_resolved_by_score() -> None:
    """The better one takes 10 of 20 columns of the other, which keeps half; of 19 columns it leaves
    less than half, and those are dropped. Objects are 10 columns each."""
    scene = truth([(1, 1, (0, 0, 10, 10)), (1, 1, (10, 0, 10, 10))])
    results = [found(1, 1, (0, 0, 20, 10), 0.6), found(1, 1, (0, 0, 10, 10), 0.9)]
    metrics = panoptic_metrics(prepare_inputs(scene, results), 0.3)
    assert metrics["panoptic/PQ"] == 1
    results[0] = found(1, 1, (0, 0, 19, 10), 0.6)  # 9 of 19 columns are left
    metrics = panoptic_metrics(prepare_inputs(scene, results), 0.3)
    assert metrics["panoptic/PQ"] == pytest.approx(1 / 1.5)  # one match, one missed, none false
    results[0]["score"] = 0.95  # now the first, and too large: 10/19 of the object
    metrics = panoptic_metrics(prepare_inputs(scene, results), 0.3)
    assert metrics["panoptic/SQ"] == pytest.approx(10 / 19)


def test_labels_that_overlap_crowds_and_classes_in_panoptic_quality() -> None:
    """The small object keeps its pixels; a detection in a crowd region is not false; classes are
    averaged, those that do not occur left out."""
    boxes = [
        *[(1, 2, (10, 0, 5, 10)), (1, 1, (0, 0, 20, 10)), (1, 1, (50, 50, 40, 40))],
        (1, 3, (100, 100, 10, 10)),
    ]
    scene = truth(boxes, classes=4)
    scene["annotations"][2]["iscrowd"] = 1
    results = [
        found(1, 2, (10, 0, 5, 10), 0.95),  # leaves 15 columns, as the labels do
        found(1, 1, (0, 0, 20, 10), 0.9),
        found(1, 1, (55, 55, 10, 10), 0.8),
    ]
    metrics = panoptic_metrics(prepare_inputs(scene, results), 0.3)
    # Classes 1 and 2 are perfect, class 3 is missed, class 4 does not occur.
    assert metrics["panoptic/PQ"] == pytest.approx(2 / 3)
    nothing = panoptic_metrics(prepare_inputs(truth([]), []), 0.3)
    assert nothing == dict.fromkeys(("panoptic/PQ", "panoptic/SQ", "panoptic/RQ"))


@needs_torchmetrics
@pytest.mark.parametrize("seed", range(2))
def test_panoptic_quality_is_that_of_torchmetrics(seed: int) -> None:
    """Small scenes of three classes with a crowd region, overlaps, misses and false ones."""
    from torchmetrics.detection import PanopticQuality

    rng = np.random.default_rng(seed)
    side = 40
    scene = truth([], images=4, classes=3)
    for image in scene["images"]:
        image["height"] = image["width"] = side
    boxes = []
    for image in range(1, 5):
        for _ in range(4):
            box = (*rng.integers(0, 25, 2).tolist(), *rng.integers(8, 15, 2).tolist())
            boxes.append((image, int(rng.integers(1, 4)), box))
    scene["annotations"] = truth(boxes)["annotations"]
    scene["annotations"][3]["iscrowd"] = 1
    moved = [
        (image, category, tuple(int(v + rng.integers(0, 3)) for v in box))
        for image, category, box in boxes
    ]
    results = [found(*one, score=float(rng.uniform(0.3, 1))) for one in moved]
    results += [found(*one, score=0.1) for one in moved]
    inputs = prepare_inputs(scene, results)
    quality = PanopticQuality(
        things={1, 2, 3}, stuffs={0}, return_sq_and_rq=True, return_per_class=True
    )
    for image in inputs.sizes:
        shown = np.zeros((2, side, side, 2), np.int64)
        here = [d for d in inputs.detections if d["image_id"] == image and d["score"] >= 0.3]
        for number, entry in enumerate(sorted(here, key=lambda d: -d["score"]), start=1):
            mask = coco_mask.decode(entry["segmentation"]) > 0
            free = mask & (shown[0, ..., 1] == 0)
            if 2 * free.sum() >= mask.sum():
                shown[0][free] = (entry["category_id"], number)
        labels = [a for a in inputs.annotations if a["image_id"] == image]
        labels.sort(key=lambda a: (-a["iscrowd"], -float(coco_mask.area(a["segmentation"]))))
        for number, entry in enumerate(labels, start=1):
            category = -1 if entry["iscrowd"] else entry["category_id"]
            shown[1][coco_mask.decode(entry["segmentation"]) > 0] = (category, number)
        quality.update(*torch.from_numpy(shown)[:, None])
    expected = quality.compute()
    things = [quality.cat_id_to_continuous_id[category] for category in (1, 2, 3)]
    metrics = panoptic_metrics(inputs, 0.3)
    assert 0.1 < metrics["panoptic/PQ"] < 0.9
    assert list(metrics.values()) == pytest.approx(expected[things].mean(0).tolist())


def test_overlaps_are_those_of_pixels() -> None:
    scene, results = random_scene(1, rle=True)
    inputs = prepare_inputs(scene, results)
    compared = 0
    for image, own in zip(inputs.sizes, image_overlaps(inputs), strict=True):
        here = sorted(
            (d for d in inputs.detections if d["image_id"] == image), key=lambda d: -d["score"]
        )
        objects = [a for a in inputs.annotations if a["image_id"] == image and not a["iscrowd"]]
        assert own.ious.shape == (len(here), len(objects))
        for (d, one), (g, other) in itertools.product(enumerate(here), enumerate(objects)):
            masks = [coco_mask.decode(x["segmentation"]).astype(bool) for x in (one, other)]
            iou = (masks[0] & masks[1]).sum() / (masks[0] | masks[1]).sum()
            same = one["category_id"] == other["category_id"]
            assert own.ious[d, g] == pytest.approx(iou * same)
            compared += bool(iou)
    assert compared > 10


def test_the_tables() -> None:
    metrics = {
        **microscopy_metrics(overlaps(truth(BOXES, images=3), FOUND), 0.3),
        **{"panoptic/PQ": 0.7, "panoptic/SQ": None, "panoptic/RQ": 0.75},
        **{"distances/mean": 1.234, "distances/hausdorff": 5.0, "distances/pairs": 4.0},
    }
    found_metrics, rows = calibration(overlaps(truth(BOXES, images=3), FOUND))
    tables = [t.splitlines() for t in format_extra(metrics | found_metrics, rows).split("\n\n")]
    words = [line.split() for table in tables for line in table]
    assert tables[0][0].split()[:4] == ["IoU", "0.5", "IoU", "0.55"]
    assert ["microscopy", *["75.0"] * 7, "60.0", "60.0", "71.7", "75.0", "75.0"] in words
    assert ["panoptic", "70.0", "-", "75.0"] in words
    assert ["distances", "1.23", "5.00", "4"] in words
    assert ["calibration", "35.0", "-12.5"] in words
    assert ["0.9", "to", "1.0", "1", "95.0", "100.0"] in words
    assert format_extra({"segm/AP": 0.5}, []) == ""
