"""Results files of others: what is read, and what is said about the rest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from coco_scenes import HEIGHT, WIDTH, found, random_scene, truth, uncompressed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from e2ec.metrics.coco import evaluate_coco
from e2ec.metrics.results_file import read_results, supported_iou_types
from lib.errors import InputError

BOX = (10, 10, 50, 50)


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
            mask = coco_mask.decode(result["segmentation"])
            entry["segmentation"] = {"counts": uncompressed(mask), "size": [HEIGHT, WIDTH]}
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
