"""YOLO segmentation labels: layouts, lines, and everything a file can get wrong."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from dataset.checks.problems import Problem
from dataset.formats.yolo.layout import label_name, yolo_image_folder
from dataset.formats.yolo.read import read_yolo
from dataset.index.label_index import LabelIndex
from dataset.masks.rasterize import annotation_mask
from lib.errors import InputError
from lib.images import write_image

HEIGHT, WIDTH = 20, 40


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def put_image(path: Path) -> None:
    write_image(path, np.zeros((HEIGHT, WIDTH, 3), np.uint8))


def data_set(
    root: Path, lines: str, yaml: str = "names: [cat, 'no']\ntrain: images/train\n"
) -> Path:
    """One image with these label lines; returns data.yaml."""
    put_image(root / "images/train/a.png")
    put(root / "labels/train/a.txt", lines)
    return put(root / "data.yaml", yaml)


def read_all(path: Path) -> tuple[LabelIndex, list[Problem]]:
    problems: list[Problem] = []
    return read_yolo(path, report=problems.append), problems


def test_coordinates_are_multiplied_by_the_size_of_the_image(tmp_path: Path) -> None:
    """0.25 of 40 pixels is 10, 0.5 of 20 is 10; class index 1 is category 2."""
    index = read_yolo(data_set(tmp_path, "1 0.25 0.5 0.75 0.5 0.75 1\n\n0 0 0 0.1 0 0.1 0.1"))
    first, second = index.annotations(0)
    assert_array_equal(first.polygons, [[[10, 10], [30, 10], [30, 20]]])
    assert (first.category_id, second.category_id) == (2, 1)
    assert index.categories == {1: "cat", 2: "no"}
    assert (index.image(0).name, index.image(0).height) == ("images/train/a.png", HEIGHT)
    assert yolo_image_folder(tmp_path / "data.yaml") == tmp_path


def test_thirds_of_pixels_come_back_as_whole_pixels(tmp_path: Path) -> None:
    text = f"0 {1 / WIDTH!r} {1 / HEIGHT!r} {29 / WIDTH!r} {1 / HEIGHT!r} {29 / WIDTH!r} 0.95"
    (polygon,) = read_yolo(data_set(tmp_path, text)).annotations(0)[0].polygons
    assert_array_equal(polygon, [[1, 1], [29, 1], [29, 19]])


def test_a_hole_behind_a_bridge_is_a_hole(tmp_path: Path) -> None:
    """A frame around 8 x 4 pixels, joined by an edge that is walked twice."""
    corners = [(4, 4), (24, 4), (24, 16), (4, 16), (4, 4), (10, 8), (10, 12), (18, 12), (18, 8)]
    points = [*corners, (10, 8)]
    line = "0 " + " ".join(f"{x / WIDTH!r} {y / HEIGHT!r}" for x, y in points)
    (annotation,) = read_yolo(data_set(tmp_path, line)).annotations(0)
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[4:16, 4:24] = True
    mask[8:12, 10:18] = False
    assert_array_equal(annotation_mask(annotation, HEIGHT, WIDTH), mask)
    assert_array_equal(annotation.polygons, [corners[:4]])


def test_images_without_labels_have_no_objects(tmp_path: Path) -> None:
    yaml = data_set(tmp_path, "")
    put_image(tmp_path / "images/train/b.png")
    index = read_yolo(yaml)
    assert [index.annotations(i) for i in range(2)] == [[], []]


def test_exported_layout_that_climbs_too_far(tmp_path: Path) -> None:
    """`train: ../train/images` beside the folder, and a `path` of another machine."""
    put_image(tmp_path / "valid/images/a.png")
    put(tmp_path / "valid/labels/a.txt", "0 0 0 1 0 1 1")
    yaml = put(tmp_path / "data.yaml", "path: /content/x\nnames: {0: a}\nval: [../valid/images]\n")
    assert len(read_yolo(yaml, "val").annotations(0)) == 1


@pytest.mark.parametrize("layout", ["images/train", "train/images", "images"])
def test_folders_without_a_data_yaml(tmp_path: Path, layout: str) -> None:
    put_image(tmp_path / layout / "deep/a.png")
    put(tmp_path / layout.replace("images", "labels") / "deep/a.txt", "0 0 0 1 0 1 1")
    put(tmp_path / "classes.txt", "cat\ndog\n")
    index = read_yolo(tmp_path)
    assert len(index.annotations(0)) == 1
    assert index.categories == {1: "cat", 2: "dog"}


def test_a_list_of_images(tmp_path: Path) -> None:
    """Lines are relative to the list or to the folder; the others are not in the split."""
    yaml = data_set(tmp_path, "", "names: [a]\ntrain: lists/train.txt\n")
    put_image(tmp_path / "images/train/b.png")
    put(tmp_path / "lists/train.txt", "images/train/a.png\n\n../images/train/b.png\n")
    index = read_yolo(yaml)
    assert [index.image(i).name for i in range(2)] == ["images/train/a.png", "images/train/b.png"]
    put(tmp_path / "lists/train.txt", "../../outside.png\n")
    with pytest.raises(InputError, match=r"line 1: .*leads out"):
        read_yolo(yaml)


def test_label_files_of_images() -> None:
    """Only the last folder called images counts."""
    assert label_name("images/images/train/a.b.jpg") == "images/labels/train/a.b.txt"
    assert label_name("train/a.jpg") == "train/a.txt"
    assert label_name("images.jpg") == "images.txt"


@pytest.mark.parametrize(
    ("line", "kind", "action"),
    [
        ("0 0.5 0.5 0.1 0.1", "box", "left out"),
        ("0 0.5 0.5 0.1 0.1 0.2", "odd count", "stops"),
        ("0 0.5 0.5 zero 0.1 0.2 0.3", "bad number", "stops"),
        ("cat 0.5 0.5 0.1 0.1 0.2 0.3", "bad number", "stops"),
        ("2 0.5 0.5 0.1 0.1 0.2 0.3", "unknown category", "stops"),
        ("-1 0.5 0.5 0.1 0.1 0.2 0.3", "unknown category", "stops"),
        ("0.5 0.5 0.5 0.1 0.1 0.2 0.3", "unknown category", "stops"),
        ("nan 0.5 0.5 0.1 0.1 0.2 0.3", "unknown category", "stops"),
        ("0 120 35 10 12 30 70", "not normalised", "stops"),
        ("0 inf 0.5 0.1 0.1 0.2 0.3", "not normalised", "stops"),
        ("0 nan 0.5 0.1 0.1 0.2 0.3", "bad number", "stops"),
        ("0 0.5 0.5", None, "left out"),
        ("0", None, "left out"),
    ],
)
def test_bad_lines_are_named(tmp_path: Path, line: str, kind: str | None, action: str) -> None:
    """The other line is read; training stops where something is lost that it cannot go round."""
    yaml = data_set(tmp_path, f"0 0 0 1 0 1 1\n{line}\n")
    index, problems = read_all(yaml)
    assert len(index.annotations(0)) == 1
    for problem in problems:
        assert (problem.file, problem.item, problem.action) == (
            str(tmp_path / "labels/train/a.txt"),
            "line 2",
            action,
        )
    assert problems and kind in (None, problems[0].kind)
    if action == "stops":
        with pytest.raises(InputError, match=r"a\.txt: line 2: "):
            read_yolo(yaml)


def test_label_files_without_an_image_are_named(tmp_path: Path) -> None:
    """But not the list of classes, and not what belongs to an image of another split."""
    yaml = data_set(tmp_path, "", "names: [a]\ntrain: train.txt\n")
    put(tmp_path / "train.txt", "images/train/a.png\nimages/none/a.png\n")
    put_image(tmp_path / "images/train/other.png")
    for name in ("b", "other", "classes"):
        put(tmp_path / f"labels/train/{name}.txt", "0 0 0 1 0 1 1")
    found = [(p.file, p.kind, p.action) for p in read_all(yaml)[1] if p.kind != "unreadable image"]
    assert found == [(str(tmp_path / "labels/train/b.txt"), "labels without image", "left out")]


def test_folders_on_another_drive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between drives of Windows there is no relative path."""
    yaml = data_set(tmp_path, "", "names: [a]\ntrain: D:/images\n")
    error = ValueError("path is on mount 'D:', start on mount 'C:'")
    monkeypatch.setattr("os.path.relpath", Mock(side_effect=error))
    with pytest.raises(InputError, match="not in"):
        read_yolo(yaml)


def test_unreadable_files_are_problems(tmp_path: Path) -> None:
    yaml = data_set(tmp_path, "0 0 0 1 0 1 1")
    put(tmp_path / "images/train/b.png", "no image")
    put_image(tmp_path / "images/train/c.png")
    (tmp_path / "labels/train/c.txt").write_bytes(b"0 \xff\xfe")
    index, problems = read_all(yaml)
    assert [p.kind for p in problems] == ["unreadable image", "unreadable labels"]
    assert len(index) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("names: &a [x]\ntrain: images/train\nval: *a\n", "aliases"),
        ("- a\n- b\n", "not a data.yaml"),
        ("names: [\n", "not valid YAML"),
        ("[" * 5000, "nested too deeply"),
        ("names: [x]\n#" + "x" * (1 << 18), "larger than"),
        ("train: images/train\n", "'names'"),
        ("names: []\ntrain: images/train\n", "'names'"),
        ("names: {1: a, 2: b}\ntrain: images/train\n", "'names'"),
        ("names: [[a]]\ntrain: images/train\n", "'names'"),
        # A tag that other loaders run code for is text here.
        ("names: [!!python/object/apply:os.getcwd []]\ntrain: images/train\n", "'names'"),
        ("names: [a]\nval: images/val\n", "no 'train'"),
        ("names: [a]\nnc: 3\ntrain: x\n", r"data\.yaml: 'nc' is '3' but 'names' lists 1"),
        ("names: {0: a}\nnc: many\ntrain: images/train\n", "'nc'"),
        ("names: [a]\ntrain: ../../other\n", "not in"),
        ("names: [a]\ntrain: /etc\n", "not in"),
        ("names: [a]\ntrain: missing\n", "not in"),
        ("names: [a]\ntrain: {a: b}\n", "no 'train'"),
        ("names: [a]\ncategory_ids: [1, 2]\ntrain: images/train\n", "category_ids"),
        ("names: [a]\ncategory_ids: [x]\ntrain: images/train\n", "category_ids"),
    ],
)
def test_bad_data_yaml(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_yolo(data_set(tmp_path, "", text))


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not found"):
        read_yolo(tmp_path / "none")
    with pytest.raises(InputError, match=r"classes\.txt"):
        read_yolo(tmp_path)
