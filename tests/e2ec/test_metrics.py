"""COCO metrics: against pycocotools, official numbers and values worked out by hand."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from faster_coco_eval.core import mask as fast_mask
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from e2ec.metrics.coco import IOU_TYPES, SUMMARY, evaluate_coco, format_table
from lib.errors import InputError

HEIGHT, WIDTH = 200, 240


def rectangle(x: float, y: float, width: float, height: float) -> list[float]:
    return [x, y, x + width, y, x + width, y + height, x, y + height]


def truth(boxes: list[tuple[int, int, tuple]], *, images: int = 1, classes: int = 1) -> dict:
    """Ground truth of rectangles, given as (image id, category id, (x, y, width, height))."""
    return {
        "images": [{"id": i, "height": HEIGHT, "width": WIDTH} for i in range(1, images + 1)],
        "categories": [{"id": c, "name": f"class {c}"} for c in range(1, classes + 1)],
        "annotations": [
            {
                "id": number,
                "image_id": image,
                "category_id": category,
                "iscrowd": 0,
                "area": box[2] * box[3],
                "bbox": list(box),
                "segmentation": [rectangle(*box)],
            }
            for number, (image, category, box) in enumerate(boxes, start=1)
        ],
    }


def found(image: int, category: int, box: tuple, score: float) -> dict[str, Any]:
    return {
        "image_id": image,
        "category_id": category,
        "score": score,
        "segmentation": [rectangle(*box)],
        "bbox": list(box),
    }


def random_scene(seed: int, *, rle: bool) -> tuple[dict, list[dict]]:
    """12 images, 4 classes, crowds, missed objects, false ones, images without either."""
    rng = np.random.default_rng(seed)
    boxes, results = [], []
    for image in range(1, 11):
        for _ in range(rng.integers(1, 9)):
            size = rng.choice([12, 40, 110])
            x, y = rng.uniform(0, 120, 2)
            box = (x, y, size * rng.uniform(0.6, 1), size * rng.uniform(0.6, 1))
            category = int(rng.integers(1, 4))
            boxes.append((image, category, box))
            for _ in range(rng.integers(0, 3)):
                moved = tuple(np.array(box) + rng.normal(0, 0.06 * size, 4))
                guess = category if rng.random() < 0.8 else int(rng.integers(1, 5))
                results.append(found(image, guess, moved, float(rng.random())))
    ground_truth = truth(boxes, images=12, classes=4)
    for annotation in ground_truth["annotations"][::7]:
        mask = coco_mask.frPyObjects(annotation["segmentation"], HEIGHT, WIDTH)[0]
        decoded = coco_mask.decode(mask)
        annotation["iscrowd"] = 1
        annotation["segmentation"] = {
            "size": [HEIGHT, WIDTH],
            "counts": uncompressed(decoded),
        }
    return ground_truth, [as_rle(result) for result in results] if rle else results


def uncompressed(mask: np.ndarray) -> list[int]:
    """Run lengths down the columns, beginning with zeros."""
    flat = np.concatenate([[0], mask.ravel(order="F")])
    changes = np.flatnonzero(np.diff(flat))
    return np.diff(np.concatenate([[0], changes, [mask.size]])).tolist()


def as_rle(result: dict[str, Any]) -> dict[str, Any]:
    mask = coco_mask.frPyObjects(result["segmentation"], HEIGHT, WIDTH)[0]
    return {
        **result,
        "segmentation": {"size": mask["size"], "counts": mask["counts"].decode("ascii")},
    }


def pycocotools_metrics(ground_truth: dict, results: list[dict], iou_type: str) -> dict:
    """The official implementation; for masks the boxes are left out, so that areas are masks'."""
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
    # The first six are the APs, the ninth is the recall at 100 detections; -1 is "not defined".
    values = dict(zip(SUMMARY, [*evaluation.stats[:6], evaluation.stats[8]], strict=True))
    return {key: None if value == -1 else value for key, value in values.items()}


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("iou_type", ["segm", "bbox"])
def test_agrees_with_pycocotools(seed: int, iou_type: Any) -> None:
    ground_truth, results = random_scene(seed, rle=True)
    metrics = evaluate_coco(ground_truth, results, iou_types=[iou_type])
    expected = pycocotools_metrics(ground_truth, results, iou_type)
    assert list(metrics) == [f"{iou_type}/{key}" for key in SUMMARY]
    for key in SUMMARY:
        assert metrics[f"{iou_type}/{key}"] == pytest.approx(expected[key], abs=1e-6), key


def test_polygons_and_run_lengths_give_the_same() -> None:
    ground_truth, polygons = random_scene(3, rle=False)
    masks = [as_rle(result) for result in polygons]
    assert evaluate_coco(ground_truth, polygons) == evaluate_coco(ground_truth, masks)


def test_missing_boxes_and_areas_come_from_the_masks() -> None:
    ground_truth, results = random_scene(4, rle=True)
    for entry in [*ground_truth["annotations"], *results]:
        mask = entry["segmentation"]
        if isinstance(mask, list) or isinstance(mask["counts"], list):
            mask = coco_mask.frPyObjects(mask, HEIGHT, WIDTH)
            mask = mask[0] if isinstance(mask, list) else mask
        entry["bbox"] = [float(v) for v in coco_mask.toBbox(mask)]
    for annotation in ground_truth["annotations"]:
        mask = fast_mask.segmToRle(annotation["segmentation"], WIDTH, HEIGHT)
        annotation["area"] = float(fast_mask.area(mask))
    expected = evaluate_coco(ground_truth, results)
    for entry in [*ground_truth["annotations"], *results]:
        entry.pop("bbox")
        entry.pop("area", None)
    assert evaluate_coco(ground_truth, results) == expected


def test_boxes_alone_are_enough_for_box_metrics() -> None:
    ground_truth, results = random_scene(5, rle=True)
    expected = evaluate_coco(ground_truth, results, iou_types=["bbox"])
    for entry in [*ground_truth["annotations"], *results]:
        entry.pop("segmentation")
    assert evaluate_coco(ground_truth, results, iou_types=["bbox"]) == expected
    with pytest.raises(InputError, match="annotation 1: "):
        evaluate_coco(ground_truth, results, iou_types=["segm"])


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


@pytest.mark.parametrize("size", [(200, 240), (40, 60), (10, 12), (1040, 1388)])
def test_boundary_width_is_two_percent_of_the_diagonal(size: tuple[int, int]) -> None:
    """The evaluator's boundary is the mask without its erosion by max(1, round(0.02 * diagonal))
    pixels, where outside the image counts as outside the object."""
    height, width = size
    rng = np.random.default_rng(0)
    mask = (cv2.GaussianBlur(rng.normal(size=size), (0, 0), 5) > 0).astype(np.uint8)
    mask[: height // 2, : width // 2] = 1
    steps = max(1, round(0.02 * float(np.hypot(height, width))))
    padded = np.pad(mask, 1)
    inside = cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=steps)[1:-1, 1:-1]
    boundary = fast_mask.rleToBoundary(fast_mask.encode(np.asfortranarray(mask)))
    assert (fast_mask.decode(boundary) == mask - inside).all()


def test_boundary_iou_by_hand() -> None:
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


def test_chosen_images_alone_are_evaluated() -> None:
    box = (10, 10, 50, 50)
    ground_truth = truth([(1, 1, box), (2, 1, box)], images=2)
    results = [found(1, 1, box, 0.9), found(2, 1, (100, 100, 9, 9), 0.95)]
    assert evaluate_coco(ground_truth, results, image_ids=[1])["segm/AP"] == pytest.approx(1.0)
    assert evaluate_coco(ground_truth, results, image_ids=[2])["segm/AP"] == 0.0
    with pytest.raises(InputError, match="image 9 is asked for"):
        evaluate_coco(ground_truth, results, image_ids=[9])


def test_an_annotation_with_id_zero_counts() -> None:
    """The evaluator's own numbering uses 0 for "not matched"."""
    box = (10, 10, 50, 50)
    ground_truth = truth([(1, 1, box)])
    ground_truth["annotations"][0]["id"] = 0
    assert evaluate_coco(ground_truth, [found(1, 1, box, 0.9)])["segm/AP"] == pytest.approx(1.0)


def test_nothing_is_printed_and_inputs_stay_as_they_are(capfd: pytest.CaptureFixture) -> None:
    ground_truth, results = random_scene(7, rle=False)
    before = copy.deepcopy((ground_truth, results))
    first = evaluate_coco(ground_truth, results, per_class=True)
    assert (ground_truth, results) == before
    assert evaluate_coco(ground_truth, results, per_class=True) == first
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_id": 5}, "entry 0: image_id 5"),
        ({"image_id": None}, "entry 0: image_id None"),
        ({"category_id": 8}, "entry 0: category 8"),
        ({"score": None}, 'entry 0: "score"'),
        ({"score": float("nan")}, 'entry 0: "score"'),
        ({"segmentation": None}, "polygons or run lengths"),
        ({"segmentation": []}, "polygons or run lengths"),
        ({"segmentation": [[1, 2, 3, 4]]}, "three x, y pairs"),
        ({"segmentation": [[1, 2, 3, 4, 5, 6, 7]]}, "three x, y pairs"),
        ({"segmentation": [[1, 2, 3, 4, 5, "6"]]}, "something else than numbers"),
        ({"segmentation": {"size": [3, 4], "counts": "1"}}, r"mask size \[3, 4\]"),
        ({"segmentation": {"size": [HEIGHT, WIDTH], "counts": "zzz!!"}}, "malformed"),
        ({"segmentation": {"size": [HEIGHT, WIDTH], "counts": [5, 5]}}, "malformed"),
        ({"bbox": [1, 2, 3]}, '"bbox" must be'),
    ],
)
def test_unusable_results_are_named(changes: dict, message: str) -> None:
    box = (10, 10, 50, 50)
    with pytest.raises(InputError, match=message):
        evaluate_coco(truth([(1, 1, box)]), [{**found(1, 1, box, 0.9), **changes}])


def test_unusable_ground_truth_is_named() -> None:
    ground_truth = truth([(1, 1, (10, 10, 50, 50))])
    with pytest.raises(InputError, match='"categories" is missing'):
        evaluate_coco({**ground_truth, "categories": None}, [])
    with pytest.raises(InputError, match="needs whole numbers id, height and width"):
        evaluate_coco({**ground_truth, "images": [{"id": 1}]}, [])
    ground_truth["annotations"][0]["segmentation"] = [[1, 2]]
    with pytest.raises(InputError, match="annotation 1: a polygon"):
        evaluate_coco(ground_truth, [])


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="IoU type"):
        evaluate_coco(truth([]), [], iou_types=["masks"])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="at least 1"):
        evaluate_coco(truth([]), [], max_detections=0)


def test_the_table_shows_percent_and_classes() -> None:
    metrics: dict[str, float | None] = {f"segm/{key}": 0.5 for key in SUMMARY}
    metrics |= {"segm/APl": None, "segm/AP/cell": 0.123, "segm/AP/dirt": None}
    assert format_table(metrics) == (
        "        AP  AP50  AP75   APs   APm  APl    AR\n"
        "segm  50.0  50.0  50.0  50.0  50.0    -  50.0\n"
        "\n"
        "class  segm AP\n"
        "cell      12.3\n"
        "dirt         -"
    )


def data(*parts: str) -> Path:
    root = os.environ.get("E2EC_DATA")
    if root is None or not Path(root, *parts).exists():
        pytest.skip(f"E2EC_DATA does not point at a folder with {'/'.join(parts)}")
    return Path(root, *parts)


@pytest.mark.parametrize(
    ("iou_type", "expected"),
    [
        ("segm", (0.320, 0.562, 0.299, 0.387, 0.310, 0.327, 0.417)),
        ("bbox", (0.505, 0.697, 0.573, 0.586, 0.519, 0.501, 0.595)),
    ],
)
def test_official_numbers_of_coco(iou_type: Any, expected: tuple) -> None:
    """COCO's own example results on 100 images of val2014 and the numbers published with them."""
    folder = data("coco_eval_reference")
    ground_truth = json.loads((folder / "instances_val2014_100.json").read_text("utf-8"))
    name = f"instances_val2014_fake{iou_type}100_results.json"
    results = json.loads((folder / name).read_text("utf-8"))
    metrics = evaluate_coco(ground_truth, results, iou_types=[iou_type])
    for key, value in zip(SUMMARY, expected, strict=True):
        assert metrics[f"{iou_type}/{key}"] == pytest.approx(value, abs=5e-4), key
