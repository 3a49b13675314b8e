"""Every defect is found, with its file, its id and what is done about it, and nothing else."""

from __future__ import annotations

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from damaged_data import HARMLESS, SHAPES, SQUARE, annotation, clean_folder, damaged_folder

from dataset.checks.check import Findings, check_dataset
from dataset.checks.problems import Problem
from dataset.formats.coco.read import read_coco
from dataset.formats.labelme.read import read_labelme
from dataset.formats.mask_folder import read_mask_folder
from dataset.formats.yolo.read import read_yolo
from dataset.index.dataset import IndexedDataset
from dataset.synthetic.dataset import SyntheticDataset


def findings_of(folder: Path, *, decode: bool = True) -> Findings:
    findings = Findings()
    index = read_coco(folder / "instances_train.json", findings)
    dataset = IndexedDataset(folder / "images", index)
    check_dataset(dataset, findings, decode=decode)
    return findings


def write_annotations(folder: Path, annotations: list[dict], **fields: object) -> None:
    path = folder / "instances_train.json"
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "annotations": annotations, **fields}))


def test_every_defect_once(tmp_path: Path) -> None:
    folder = damaged_folder(tmp_path / "data")
    labels, images = str(folder / "instances_train.json"), folder / "images"
    expected = {
        (labels, f"annotation {key}", kind, action) for key, (_, kind, action) in SHAPES.items()
    } | {
        (labels, "annotation 31", "unknown category", "stops"),
        (labels, "annotation 32", "unknown image", "stops"),
        (str(images / "2.png"), "image 2", "missing image", "stops"),
        (str(images / "3.png"), "image 3", "unreadable image", "stops"),
        (str(images / "4.png"), "image 4", "size mismatch", "stops"),
        (labels, "image 5", "image listed twice", "kept"),
    }
    findings = findings_of(folder)
    found = [(p.file, p.item.split(" (")[0], p.kind, p.action) for p in findings.problems]
    assert len(found) == len(expected)
    assert set(found) == expected
    assert findings.stopping == 6


def test_a_clean_set_has_no_problems(tmp_path: Path) -> None:
    assert len(HARMLESS) > 5
    assert findings_of(clean_folder(tmp_path / "data")).problems == []


def test_headers_alone_find_what_they_tell(tmp_path: Path) -> None:
    folder = damaged_folder(tmp_path / "data")
    kinds = {problem.kind for problem in findings_of(folder, decode=False).problems}
    assert {"missing image", "size mismatch"} <= kinds
    assert findings_of(clean_folder(tmp_path / "clean"), decode=False).problems == []


def test_a_contour_is_named_where_there_are_several(tmp_path: Path) -> None:
    folder = clean_folder(tmp_path / "data")
    line = [5.0, 5.0, 15.0, 15.0, 25.0, 25.0]
    write_annotations(folder, [annotation(1, 1, SQUARE, line)])
    (problem,) = findings_of(folder).problems
    assert problem.item == "annotation 1 (1.png)"
    assert problem.what == "contour 2 has no area"


def test_duplicates_are_of_one_image_and_category_and_point_to_the_first(tmp_path: Path) -> None:
    folder = clean_folder(tmp_path / "data")
    other = [40.0, 40.0, 60.0, 40.0, 60.0, 60.0]
    annotations = [
        annotation(1, 1, SQUARE),
        annotation(2, 2, SQUARE),
        annotation(3, 1, SQUARE, category=2),
        annotation(4, 1, other, SQUARE),
        annotation(5, 1, SQUARE, other),
        annotation(6, 1, SQUARE),
        # Its box is the square's, its pixels are not.
        annotation(7, 1, [10.0, 10.0, 30.0, 10.0, 30.0, 30.0]),
        annotation(8, 1, SQUARE),
        annotation(9, 1, SQUARE) | {"iscrowd": 1},
    ]
    categories = [{"id": 1, "name": "thing"}, {"id": 2, "name": "other"}]
    write_annotations(folder, annotations, categories=categories)
    found = {(p.item, p.what.split(",")[0]) for p in findings_of(folder).problems}
    assert found == {
        ("annotation 5 (1.png)", "covers the same as annotation 4"),
        ("annotation 6 (1.png)", "covers the same as annotation 1"),
        ("annotation 8 (1.png)", "covers the same as annotation 1"),
    }


@pytest.mark.parametrize("kind", ["yolo", "labelme", "masks"])
def test_the_file_and_item_of_other_formats_are_named(tmp_path: Path, kind: str) -> None:
    """The second label of an image reaches out of it, or is the first one again."""
    (tmp_path / "images/train").mkdir(parents=True)
    (tmp_path / "labels/train").mkdir(parents=True)
    folder = tmp_path / "images/train"
    assert cv2.imwrite(str(folder / "a.png"), np.zeros((10, 10, 3), np.uint8))
    findings = Findings()
    if kind == "yolo":
        path = tmp_path / "labels/train/a.txt"
        path.write_text("0 0 0 0.5 0 0.5 0.5\n0 0 0 1.5 0 0.5 0.5\n")
        (tmp_path / "classes.txt").write_text("thing\n")
        expected = (str(path), "line 2 (images/train/a.png)")
        dataset = IndexedDataset(tmp_path, read_yolo(tmp_path, report=findings))
    elif kind == "labelme":
        path = tmp_path / "images/train/a.json"
        shapes = [
            {"label": "thing", "points": [[0, 0], [x, 0], [5, 5]], "shape_type": "polygon"}
            for x in (5, 15)
        ]
        path.write_text(json.dumps({"imagePath": "a.png", "shapes": shapes}))
        expected = (str(path), "shape 1 (a.png)")
        dataset = IndexedDataset(folder, read_labelme(folder, report=findings))
    else:
        mask = np.zeros((10, 10), np.uint8)
        mask[2:5, 2:5] = 7
        for name in ("a.png", "a.1.png"):
            assert cv2.imwrite(str(tmp_path / "labels/train" / name), mask)
        expected = (str(tmp_path / "labels/train/a.1.png"), "object 7 (a.png)")
        masks = tmp_path / "labels/train"
        dataset = IndexedDataset(folder, read_mask_folder(folder, masks, report=findings))
    check_dataset(dataset, findings)
    (problem,) = findings.problems
    assert (problem.file, problem.item) == expected
    if kind == "masks":
        assert f"object 7 of {tmp_path / 'labels/train/a.png'}," in problem.what


def test_absurd_sizes_and_places_cost_nothing(tmp_path: Path) -> None:
    """Labels that cover a huge image, nearly the same: no mask of that size is made."""
    folder = clean_folder(tmp_path / "data")
    far = [-9e5, -9e5, 9e5, -9e5, 9e5, 9e5]
    moved = [-9e5, -9e5, 9e5, -9e5, 9e5, 8.999999e5]
    images = [{"id": 1, "file_name": "1.png", "width": 2**15, "height": 2**15}]
    write_annotations(folder, [annotation(1, 1, far), annotation(2, 1, moved)], images=images)
    kinds = [problem.kind for problem in findings_of(folder).problems]
    assert sorted(kinds) == ["partly out of the image"] * 2 + ["size mismatch"]


def test_generated_data_are_checked_by_their_ground_truth() -> None:
    findings = Findings()
    check_dataset(SyntheticDataset(5), findings)
    assert [p for p in findings.problems if p.action != "kept"] == []


def test_findings_count_twins_once_and_put_what_stops_first() -> None:
    findings = Findings()
    small, line = ("few points", "left out"), ("bad number", "stops")
    for item in ("a", "b", "b"):
        findings(Problem("f", item, small[0], "w", "left out"))
    findings(Problem("f", "c", line[0], "w", "stops"))
    assert list(findings.by_kind()) == [line, small]
    assert [p.item for p in findings.by_kind()[small]] == ["a", "b"]  # type: ignore[index]
    assert findings.stopping == 1


@pytest.mark.skipif("E2EC_DATA" not in os.environ, reason="needs the real images of E2EC_DATA")
@pytest.mark.parametrize("split", ["train2017", "val2017"])
def test_nothing_in_coco_stops_training(split: str) -> None:
    root = Path(os.environ["E2EC_DATA"]) / "coco_mini"
    findings = Findings()
    index = read_coco(root / "annotations" / f"instances_{split}.json", findings)
    check_dataset(IndexedDataset(root / split, index), findings)
    assert findings.stopping == 0


def test_images_are_checked_in_order_however_many_threads(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    images = []
    for key in range(1, 41):
        if key % 3:
            picture = np.zeros((8, 8, 3), np.uint8)
            assert cv2.imwrite(str(tmp_path / "images" / f"{key}.png"), picture)
        images.append({"id": key, "file_name": f"{key}.png", "width": 8, "height": 8})
    document = {"images": images, "categories": [{"id": 1, "name": "a"}], "annotations": []}
    (tmp_path / "instances_train.json").write_text(json.dumps(document))
    found = [problem.item for problem in findings_of(tmp_path).problems]
    assert found == [f"image {key} ({key}.png)" for key in range(3, 41, 3)]
