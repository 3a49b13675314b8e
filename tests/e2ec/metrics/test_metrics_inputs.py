"""What COCO metrics accept as ground truth, results and results files, and say of the rest."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from coco_scenes import HEIGHT, WIDTH, as_rle, found, random_scene, truth
from faster_coco_eval.core import mask as fast_mask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from label_scenes import run_length
from pycocotools import mask as coco_mask

from e2ec.metrics.coco import evaluate_coco
from e2ec.metrics.results_file import read_results, supported_iou_types
from lib.errors import InputError

BOX = (10, 10, 50, 50)


def test_polygons_and_run_lengths_give_the_same() -> None:
    ground_truth, polygons = random_scene(3, rle=False)
    masks = [as_rle(result) for result in polygons]
    assert evaluate_coco(ground_truth, polygons) == evaluate_coco(ground_truth, masks)


def test_missing_boxes_and_areas_come_from_the_masks() -> None:
    ground_truth, results = random_scene(4, rle=True)
    for entry in [*ground_truth["annotations"], *results]:
        mask = fast_mask.segmToRle(entry["segmentation"], WIDTH, HEIGHT)
        entry["bbox"] = fast_mask.toBbox(mask).tolist()
        entry["area"] = float(fast_mask.area(mask))
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
    ground_truth = truth([(1, 1, BOX)])
    ground_truth["annotations"][0]["id"] = 0
    assert evaluate_coco(ground_truth, [found(1, 1, BOX, 0.9)])["segm/AP"] == pytest.approx(1.0)


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
    results = [found(1, 1, BOX, 0.9), {**found(1, 1, BOX, 0.9), **changes}]
    with pytest.raises(InputError, match=f"theirs.json: entry 1: .*{message}"):
        evaluate_coco(truth([(1, 1, BOX)]), results, results_name="theirs.json")


def test_unusable_ground_truth_is_named() -> None:
    ground_truth = truth([(1, 1, BOX)])
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


def write(folder: Path, content: Any) -> Path:
    path = folder / "theirs.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path


def test_what_is_read_evaluates_as_it_was(tmp_path: Path) -> None:
    """Text and list run lengths, other fields, ids as 3.0: the numbers are the same."""
    ground_truth, results = random_scene(0, rle=True)
    expected = evaluate_coco(ground_truth, results)
    theirs: list[dict[str, Any]] = []
    for number, result in enumerate(results):
        entry = {**result, "image_id": float(result["image_id"]), "track": [number], "area": None}
        if number % 2:
            entry["segmentation"] = run_length(coco_mask.decode(result["segmentation"]))
        theirs.append(entry)
    assert evaluate_coco(ground_truth, read_results(write(tmp_path, theirs))) == expected


def test_which_types_results_support() -> None:
    both = found(1, 1, BOX, 0.5)
    mask = {k: v for k, v in both.items() if k != "bbox"}
    box = {k: v for k, v in both.items() if k != "segmentation"}
    everything = ("segm", "bbox", "boundary")
    assert supported_iou_types([both, mask]) == everything
    assert supported_iou_types([both, box]) == ("bbox",)
    assert supported_iou_types([mask, box]) == ()
    assert supported_iou_types([]) == everything


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not valid JSON"),
        ("[" * 100_000, "nested too deeply"),
        ({"annotations": []}, "not COCO results"),
        ("3", "not COCO results"),
        ([3], "entry 0: not an object"),
        ([found(1, 1, BOX, 0.5), {"image_id": 1}], "entry 1: neither"),
        ([{**found(1, 1, BOX, 0.5), "segmentation": [], "bbox": []}], "entry 0: neither"),
    ],
)
def test_unusable_files_are_named(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(InputError, match=f"theirs.json: .*{message}"):
        read_results(write(tmp_path, content))
    with pytest.raises(InputError, match="not found"):
        read_results(tmp_path / "missing.json")


SIMPLE = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
LISTS = st.lists(SIMPLE, max_size=6)
MASKS = st.fixed_dictionaries(
    {"size": st.just([HEIGHT, WIDTH]) | LISTS, "counts": SIMPLE | LISTS | st.binary().map(repr)}
)
WILD = SIMPLE | LISTS | MASKS | st.lists(LISTS, max_size=2)
FIELDS = ["image_id", "category_id", "score", "segmentation", "bbox"]


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(changes=st.dictionaries(st.sampled_from(FIELDS), WILD, max_size=3))
def test_whatever_stands_there_is_read_or_refused(tmp_path: Path, changes: dict) -> None:
    """No other error than InputError, in one line, from the file to the numbers."""
    path = write(tmp_path, [{**found(1, 1, BOX, 0.5), **changes}])
    try:
        evaluate_coco(truth([(1, 1, BOX)]), read_results(path))
    except InputError as error:
        assert "\n" not in str(error)
