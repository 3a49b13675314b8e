"""LabelMe folders: shapes, groups, classes, and everything a file can get wrong."""

from __future__ import annotations

import base64
import json
import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from dataset.checks.problems import Problem
from dataset.formats.labelme.read import read_labelme
from dataset.index.label_index import LabelIndex
from dataset.masks.rasterize import annotation_mask
from lib.errors import InputError
from lib.images import write_image

HEIGHT, WIDTH = 30, 40
TRIANGLE = [[1, 2], [10, 2], [10, 9.5]]


def shape(label: Any = "cat", points: Any = TRIANGLE, **fields: Any) -> dict[str, Any]:
    return {"label": label, "points": points, "group_id": None, "flags": {}, **fields}


def png(mask: np.ndarray) -> str:
    return base64.b64encode(cv2.imencode(".png", mask.astype(np.uint8))[1].tobytes()).decode()


def mask_shape(mask: str | None, *box: int) -> dict[str, Any]:
    """A mask between its first and its last pixel, (1, 2) and (3, 4) without."""
    left, top, right, bottom = box or (1, 2, 3, 4)
    return shape(points=[[left, top], [right, bottom]], shape_type="mask", mask=mask)


def put(folder: Path, entries: Any, name: str = "a", **fields: Any) -> Path:
    """An image and its file; fields replace those of the file."""
    write_image(folder / f"{name}.png", np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    document = {
        "version": "5.5.0",
        "shapes": entries,
        "imagePath": f"{name}.png",
        "imageData": None,
        "imageHeight": HEIGHT,
        "imageWidth": WIDTH,
    }
    (folder / f"{name}.json").write_text(json.dumps({**document, **fields}))
    return folder


def read_all(folder: Path, images: Path | None = None) -> tuple[LabelIndex, list[Problem]]:
    problems: list[Problem] = []
    return read_labelme(folder, images, report=problems.append), problems


def test_polygons_are_taken_as_they_are(tmp_path: Path) -> None:
    """Both conventions put (0, 0) at the corner of the image."""
    index = read_labelme(put(tmp_path, [shape("dog"), shape("cat", shape_type="polygon")]))
    assert index.categories == {1: "cat", 2: "dog"}
    first, second = index.annotations(0)
    assert_array_equal(first.polygons, [TRIANGLE])
    assert (first.category_id, second.category_id, first.runs) == (2, 1, None)


def test_groups_join_the_parts_of_an_object(tmp_path: Path) -> None:
    """The group and the label: one number may be in use for several classes."""
    shapes = [shape(group_id=3), shape("dog", group_id=3), shape(), shape(group_id=3)]
    index = read_labelme(put(tmp_path, shapes))
    assert [len(a.polygons) for a in index.annotations(0)] == [2, 1, 1]


def test_rectangles_and_circles(tmp_path: Path) -> None:
    """A circle of radius 5 has an area of 25 pi; 64 corners leave out 0.2 %."""
    shapes = [
        shape(points=[[8, 9], [2, 3]], shape_type="rectangle"),
        shape(points=[[20, 15], [23, 19]], shape_type="circle"),
    ]
    first, second = read_labelme(put(tmp_path, shapes)).annotations(0)
    assert first.area == 36
    assert second.area == pytest.approx(25 * math.pi, rel=2e-3)
    assert_array_equal(np.round(second.polygons[0].mean(axis=0), 9), [20, 15])


@pytest.mark.parametrize(("x", "y"), [(4, 6), (-2, -1), (36, 27)])
def test_masks_lie_between_their_two_points(tmp_path: Path, x: int, y: int) -> None:
    """The points are the first and the last pixel; what lies outside is cut off; holes stay."""
    part = np.ones((5, 8), bool)
    part[1:3, 2:5] = False
    shapes = [mask_shape(png(part), x, y, x + 7, y + 4)]
    (annotation,) = read_labelme(put(tmp_path, shapes)).annotations(0)
    padded = np.zeros((HEIGHT + 20, WIDTH + 20), bool)
    padded[10 + y : 15 + y, 10 + x : 18 + x] = part
    expected = padded[10 : 10 + HEIGHT, 10 : 10 + WIDTH]
    assert_array_equal(annotation_mask(annotation, HEIGHT, WIDTH), expected)


def test_a_group_of_a_polygon_and_a_mask_is_one_mask(tmp_path: Path) -> None:
    mask = mask_shape(png(np.ones((2, 3))), 20, 20, 22, 21) | {"group_id": 1}
    shapes = [mask, shape(points=[[0, 0], [4, 0], [4, 4], [0, 4]], group_id=1)]
    (annotation,) = read_labelme(put(tmp_path, shapes)).annotations(0)
    assert annotation.area == 6 + 16
    assert len(annotation.polygons) == 2


def test_the_list_of_classes_numbers_them(tmp_path: Path) -> None:
    folder = put(tmp_path, [shape("cat")])
    (folder / "classes.txt").write_text("dog\ncat\n")
    assert read_labelme(folder).categories == {1: "dog", 2: "cat"}
    (folder / "classes.json").write_text('{"90": "cat"}')
    assert read_labelme(folder).annotations(0)[0].category_id == 90
    (folder / "classes.json").write_text('{"1": "dog"}')
    with pytest.raises(InputError, match=r"a\.json: shape 0: label 'cat' is not in the list"):
        read_labelme(folder)


def test_crowd_regions_are_flagged(tmp_path: Path) -> None:
    index = read_labelme(put(tmp_path, [shape(flags={"crowd": True}), shape()]))
    assert [a.crowd for a in index.annotations(0)] == [True, False]


def test_images_elsewhere(tmp_path: Path) -> None:
    """A path that leads out needs the folder it leads to; images without a file are not in."""
    folder = put(tmp_path / "json/deep", [shape()], imagePath="..\\..\\images\\b.png")
    (tmp_path / "images").mkdir()
    (folder / "a.png").rename(tmp_path / "images/b.png")
    with pytest.raises(InputError, match=r"leads out .*give the folder that holds the images"):
        read_labelme(tmp_path / "json")
    index = read_labelme(tmp_path / "json", tmp_path / "images")
    assert [index.image(i).name for i in range(len(index))] == ["b.png"]


@pytest.mark.parametrize(
    ("entry", "kind", "action"),
    [
        (shape(shape_type="linestrip"), "open shape", "left out"),
        (shape(points=[[1, 1]], shape_type="point"), "open shape", "left out"),
        (shape(shape_type="spiral"), "unknown shape", "left out"),
        (shape(shape_type=["x"]), "open shape", "left out"),
        (shape(points=TRIANGLE[:2]), None, "left out"),
        (shape(points=[]), None, "left out"),
        (shape(label=3), "bad shape", "stops"),
        ("x", "bad shape", "stops"),
        (shape(points=[[1, 2], [3, "4"], [5, 6]]), "bad number", "stops"),
        (shape(points=[[1, 2], [3, 1e300], [5, 6]]), "bad number", "stops"),
        (shape(points=[[1, 2], [3, 10**400], [5, 6]]), "bad number", "stops"),
        (shape(points=[[1, 2], [3, math.nan], [5, 6]]), "bad number", "stops"),
        (shape(points=[[1, 2, 3]] * 3), "bad number", "stops"),
        (shape(points=[[1, 2]], shape_type="circle"), "bad shape", "stops"),
        (mask_shape(None), "bad mask", "stops"),
        (mask_shape("***"), "bad mask", "stops"),
        (mask_shape("QUJD"), "bad mask", "stops"),
        (mask_shape(png(np.ones((3, 3))), 1, 2, 9, 9), "bad mask", "stops"),
    ],
)
def test_bad_shapes_are_named(tmp_path: Path, entry: Any, kind: str | None, action: str) -> None:
    """The shape before is read all the same."""
    index, problems = read_all(put(tmp_path, [shape(), entry]))
    assert len(index.annotations(0)) == 1
    assert problems and kind in (None, problems[0].kind)
    for problem in problems:
        assert (problem.file, problem.item) == (str(tmp_path / "a.json"), "shape 1")
        assert problem.action == action


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"shapes": None}, "not LabelMe"),
        ({"imagePath": None}, "file name"),
        ({"imagePath": "a\0b"}, "file name"),
        ({"imagePath": "/etc/passwd"}, "file name"),
        ({"imagePath": "../../x.png"}, "file name"),
        ({"imageHeight": HEIGHT + 1}, "image size"),
        ({"imagePath": "missing.png"}, "unreadable image"),
        ({"imagePath": "missing.png", "imageData": "AAAA"}, "embedded image"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, fields: dict[str, Any], kind: str) -> None:
    put(tmp_path, [shape()])
    put(tmp_path, [shape()], "b", **fields)
    index, problems = read_all(tmp_path)
    assert [(p.kind, p.action) for p in problems] == [(kind, "stops")]
    assert len(index) == 1


def test_files_that_are_no_json_and_images_labelled_twice(tmp_path: Path) -> None:
    put(tmp_path, [shape()])
    (tmp_path / "b.json").write_text("{")
    (tmp_path / "c.json").write_text("[" * 100_000)
    (tmp_path / "d.json").write_text((tmp_path / "a.json").read_text())
    _, problems = read_all(tmp_path)
    kinds = ["unreadable labels", "unreadable labels", "repeated image"]
    assert [p.kind for p in problems] == kinds


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no JSON files"):
        read_labelme(tmp_path)
    with pytest.raises(InputError, match="not found"):
        read_labelme(tmp_path / "none")
