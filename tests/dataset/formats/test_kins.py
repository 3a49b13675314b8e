"""KINS in both generations of its labels: amodal and visible masks, classes by id, bad files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import kins_tree
import numpy as np
import pytest
from coco_scenes import as_coco_mask
from numpy.testing import assert_array_equal

from dataset.checks.problems import Problem
from dataset.formats.kins import CLASSES, Masks, read_kins
from dataset.index.dataset import IndexedDataset
from dataset.index.label_index import LabelIndex
from dataset.index.records import AnnotationRecord
from dataset.masks.rasterize import annotation_mask
from lib.errors import InputError

HEIGHT, WIDTH = kins_tree.HEIGHT, kins_tree.WIDTH
FORMS = [(2019, "polygons"), (2019, "rle"), (2020, "polygons"), (2020, "rle")]


def save(folder: Path, labels: Any) -> Path:
    path = folder / "labels.json"
    path.write_text(json.dumps(labels))
    return path


def problems_of(path: Path, masks: Masks = "amodal") -> tuple[LabelIndex, list[Problem]]:
    problems: list[Problem] = []
    return read_kins(path, masks=masks, report=problems.append), problems


def annotations_of(index: LabelIndex) -> dict[int, AnnotationRecord]:
    return {a.id: a for position in range(len(index)) for a in index.annotations(position)}


@pytest.mark.parametrize(("generation", "amodal_as"), FORMS)
@pytest.mark.parametrize("kind", ["amodal", "visible"])
def test_masks_areas_and_boxes_are_those_asked_for(
    tmp_path: Path, generation: int, amodal_as: str, kind: Masks
) -> None:
    """In both generations, with polygons and run lengths; amodal ones exceed the visible ones."""
    _, path = kins_tree.write_kins(tmp_path, generation, amodal_as=amodal_as)
    annotations = annotations_of(read_kins(path, masks=kind))
    assert list(annotations) == [1, 2, 3, 4, 5, 6]
    larger = 0
    for number, (amodal, visible) in enumerate(kins_tree.masks(), start=1):
        expected = amodal if kind == "amodal" else visible
        annotation = annotations[number]
        assert_array_equal(annotation_mask(annotation, HEIGHT, WIDTH), expected)
        assert annotation.bbox == tuple(kins_tree.box(expected))
        assert annotation.area == expected.sum()
        larger += amodal.sum() > visible.sum()
    assert larger == 3


def test_amodal_masks_are_the_default(tmp_path: Path) -> None:
    _, path = kins_tree.write_kins(tmp_path, 2020)
    assert read_kins(path).ground_truth() == read_kins(path, masks="amodal").ground_truth()


@pytest.mark.parametrize("generation", [2019, 2020])
def test_classes_go_by_id(tmp_path: Path, generation: int) -> None:
    """Seven classes in order of their ids, which leave out 3: a car (4) has the third index."""
    folder, path = kins_tree.write_kins(tmp_path, generation)
    dataset = IndexedDataset(folder, read_kins(path))
    assert dataset.category_ids == (1, 2, 4, 5, 6, 7, 8)
    assert dataset.class_names == (
        "cyclist", "pedestrian", "car", "tram", "truck", "van", "misc"
    )  # fmt: skip
    classes = [[i.class_index for i in dataset[position].instances] for position in range(2)]
    assert classes == [[2, 2, 1], [0, 5, 6]]
    assert dataset.image_ids == (0, 7)


@pytest.mark.parametrize("hidden", [None, [], {}, "absent", "no pixel"])
def test_an_object_that_cannot_be_seen_is_left_out_of_the_visible_masks(
    tmp_path: Path, hidden: Any
) -> None:
    """And is reported, but stops nothing; its amodal mask is not concerned."""
    labels = kins_tree.labels(2020)
    entry = labels["annotations"][1]
    if hidden == "absent":
        del entry["i_segm"]
    elif hidden == "no pixel":
        entry["i_segm"] = as_coco_mask(np.zeros((HEIGHT, WIDTH), bool))
    else:
        entry["i_segm"] = hidden
    path = save(tmp_path, labels)
    assert list(annotations_of(read_kins(path, masks="visible"))) == [1, 3, 4, 5, 6]
    assert list(annotations_of(read_kins(path))) == [1, 2, 3, 4, 5, 6]
    _, (problem,) = problems_of(path, "visible")
    assert (problem.item, problem.action) == ("annotation 2", "left out")


def test_a_file_without_any_visible_mask_is_refused(tmp_path: Path) -> None:
    labels = kins_tree.labels(2019)
    for entry in labels["annotations"]:
        del entry["inmodal_seg"]
    path = save(tmp_path, labels)
    assert len(annotations_of(read_kins(path))) == 6
    with pytest.raises(InputError, match=r"labels\.json: no annotation has a visible mask"):
        read_kins(path, masks="visible")


def test_a_coco_file_is_refused(tmp_path: Path) -> None:
    labels = kins_tree.labels(2019)
    for entry in labels["annotations"]:
        del entry["inmodal_seg"], entry["inmodal_bbox"]
    with pytest.raises(InputError, match=r"labels\.json: not a label file of KINS \(annotation 1"):
        read_kins(save(tmp_path, labels))


@pytest.mark.parametrize("key", ["images", "annotations"])
@pytest.mark.parametrize("value", [None, {}, "list", True, [5]])
def test_a_file_without_the_lists_is_refused(tmp_path: Path, key: str, value: Any) -> None:
    labels = kins_tree.labels(2020) | {key: value}
    with pytest.raises(InputError, match=f"not a label file of KINS \\('{key}' is not a list"):
        read_kins(save(tmp_path, labels))


def test_a_rider_is_reported_and_left_out(tmp_path: Path) -> None:
    labels = kins_tree.labels(2020)
    labels["categories"].append({"id": 3, "name": "rider"})
    labels["annotations"][3]["category_id"] = 3
    index, (problem,) = problems_of(save(tmp_path, labels))
    assert problem.line().endswith("annotation 4: category 3 (rider) is not among the classes of "
                                   "KINS in use")  # fmt: skip
    assert problem.action == "left out"
    assert list(annotations_of(index)) == [1, 2, 3, 5, 6]
    assert len(index.categories) == 7


def test_ids_that_were_changed_stop_and_names_that_differ_do_not(tmp_path: Path) -> None:
    """Numbered 1 to 7, a car (3) would be read as a rider and a tram (4) as a car."""
    labels = kins_tree.labels(2020)
    labels["categories"] = [
        {"id": number, "name": name} for number, name in enumerate(CLASSES.values(), start=1)
    ]
    with pytest.raises(InputError, match="category 3: is called 'car'; in KINS this id is rider"):
        read_kins(save(tmp_path, labels))
    labels["categories"] = [{"id": 2, "name": "walker"}]
    index, (problem,) = problems_of(save(tmp_path, labels))
    assert (problem.item, problem.action) == ("category 2", "kept")
    assert index.categories[2] == "pedestrian"


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [
        ("a_segm", [[1, 2, 3]], "odd count"),
        ("a_segm", {"size": [HEIGHT, WIDTH], "counts": "~~"}, "mask cannot be read"),
        ("a_bbox", [1, 2, 3], "bbox"),
        ("a_area", "large", "area"),
        ("id", "first", "'id'"),
    ],
)
def test_a_bad_annotation_is_one_clear_line(
    tmp_path: Path, field: str, value: Any, what: str
) -> None:
    labels = kins_tree.labels(2020)
    labels["annotations"][0][field] = value
    path = save(tmp_path, labels)
    with pytest.raises(InputError, match=f"labels.json: annotation .*{what}"):
        read_kins(path)
    index, problems = problems_of(path)
    assert [problem.action for problem in problems] == ["stops"]
    assert len(annotations_of(index)) == 5
