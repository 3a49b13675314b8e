"""What COCO metrics accept as ground truth and results, and what they say about the rest."""

from __future__ import annotations

import copy

import pytest
from coco_scenes import HEIGHT, WIDTH, as_rle, found, random_scene, truth
from faster_coco_eval.core import mask as fast_mask
from pycocotools import mask as coco_mask

from e2ec.metrics.coco import evaluate_coco
from lib.errors import InputError


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


def test_an_annotation_with_id_zero_counts() -> None:
    """The evaluator's own numbering uses 0 for "not matched"."""
    box = (10, 10, 50, 50)
    ground_truth = truth([(1, 1, box)])
    ground_truth["annotations"][0]["id"] = 0
    assert evaluate_coco(ground_truth, [found(1, 1, box, 0.9)])["segm/AP"] == pytest.approx(1.0)


def test_polygons_may_reach_far_out_of_the_image() -> None:
    """Only what lies inside counts: here the image from (10, 10) on."""
    ground_truth = truth([(1, 1, (10, 10, WIDTH - 10, HEIGHT - 10))])
    for far in (1e7, 1e9, 1e300):
        result = found(1, 1, (10, 10, far, far), 0.9)
        assert evaluate_coco(ground_truth, [result])["segm/AP"] == pytest.approx(1.0)


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
        ({"image_id": 5}, "image_id 5 is not in the ground truth"),
        ({"image_id": None}, "image_id None"),
        ({"image_id": "1"}, "image_id '1' .*; write ids as numbers"),
        ({"image_id": True}, "image_id True"),
        ({"image_id": 1.5}, "image_id 1.5"),
        ({"category_id": 8}, "category_id 8"),
        ({"category_id": None}, "category_id None"),
        ({"score": None}, '"score" must be a finite number'),
        ({"score": "0.5"}, '"score" must be a finite number'),
        ({"score": float("nan")}, '"score" must be a finite number'),
        ({"score": 10**400}, '"score" must be a finite number'),
        ({"segmentation": None}, "polygons or run lengths"),
        ({"segmentation": []}, "polygons or run lengths"),
        ({"segmentation": "mask.png"}, "polygons or run lengths"),
        ({"segmentation": {"size": [3, 4]}}, 'an object with "size" and "counts"'),
        ({"segmentation": [1, 2, 3, 4, 5, 6]}, r"write \[\[x0, y0"),
        ({"segmentation": [[1, 2, 3, 4]]}, "three x, y pairs"),
        ({"segmentation": [[1, 2, 3, 4, 5, 6, 7]]}, "three x, y pairs"),
        ({"segmentation": [[1, 2, 3, 4, 5, "6"]]}, "something else than numbers"),
        ({"segmentation": [[1, 2, 3, 4, 5, float("nan")]]}, "not finite"),
        ({"segmentation": [[1, 2, 3, 4, 5, float("inf")]]}, "not finite"),
        ({"segmentation": [[1, 2, 3, 4, 5, 10**400]]}, "not finite"),
        ({"segmentation": {"size": [3, 4], "counts": "1"}}, r"mask size \[3, 4\]"),
        ({"segmentation": {"counts": "abc"}}, "mask size None"),
        ({"segmentation": {"size": [HEIGHT, WIDTH], "counts": 5}}, "malformed"),
        ({"segmentation": {"size": [HEIGHT, WIDTH], "counts": "zzz!!"}}, "malformed"),
        ({"segmentation": {"size": [HEIGHT, WIDTH], "counts": [5, 5]}}, "malformed"),
        ({"bbox": [1, 2, 3]}, '"bbox" must be four numbers'),
        ({"bbox": {"x": 1}}, '"bbox" must be four numbers'),
        ({"bbox": [1, 2, 3, float("inf")]}, '"bbox" must be four numbers'),
    ],
)
def test_unusable_results_are_named(changes: dict, message: str) -> None:
    box = (10, 10, 50, 50)
    results = [found(1, 1, box, 0.9), {**found(1, 1, box, 0.9), **changes}]
    with pytest.raises(InputError, match=f"theirs.json: entry 1: .*{message}"):
        evaluate_coco(truth([(1, 1, box)]), results, results_name="theirs.json")


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
