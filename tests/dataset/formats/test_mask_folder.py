"""Folders of masks: numbers, layers, classes, and everything a file can get wrong."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from dataset.checks.problems import Problem
from dataset.formats.mask_folder import read_mask_folder
from dataset.index.dataset import IndexedDataset
from dataset.index.label_index import LabelIndex
from dataset.masks.rasterize import annotation_mask
from lib.errors import InputError
from lib.images import write_image

HEIGHT, WIDTH = 12, 16


def put(root: Path, masks: dict[str, np.ndarray], images: tuple[str, ...] = ("a.png",)) -> Path:
    for name in images:
        write_image(root / "images" / name, np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    (root / "masks").mkdir(exist_ok=True)
    for name, mask in masks.items():
        (root / "masks" / name).parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(root / "masks" / name), mask)
    return root


def numbers(dtype: type = np.uint16, **boxes: tuple[int, int, int, int]) -> np.ndarray:
    """An image of numbers; `n5=(top, bottom, left, right)` fills a box with 5."""
    result = np.zeros((HEIGHT, WIDTH), dtype)
    for name, (top, bottom, left, right) in boxes.items():
        result[top:bottom, left:right] = int(name[1:])
    return result


def read(root: Path) -> LabelIndex:
    return read_mask_folder(root / "images", root / "masks")


def read_all(root: Path) -> tuple[LabelIndex, list[Problem]]:
    problems: list[Problem] = []
    index = read_mask_folder(root / "images", root / "masks", report=problems.append)
    return index, problems


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_number_is_an_object(tmp_path: Path, dtype: type) -> None:
    """Its parts and its hole are kept; there is one class."""
    mask = numbers(dtype, n7=(1, 6, 1, 6), n200=(8, 11, 2, 9))
    mask[3, 3] = 0
    mask[9:11, 12:15] = 7
    index = read(put(tmp_path, {"a.png": mask}))
    first, second = index.annotations(0)
    assert index.categories == {1: "object"}
    assert_array_equal(annotation_mask(first, HEIGHT, WIDTH), mask == 7)
    assert_array_equal(annotation_mask(second, HEIGHT, WIDTH), mask == 200)
    assert_array_equal(second.polygons, [[[2, 8], [9, 8], [9, 11], [2, 11]]])
    assert len(first.polygons) == 2


def test_numbers_of_classes(tmp_path: Path) -> None:
    """As in Cityscapes: 26001 is a car, a bare 24 a group of persons."""
    mask = numbers(n26001=(0, 4, 0, 4), n24000=(5, 8, 0, 4), n24=(8, 12, 8, 16))
    root = put(tmp_path, {"a.png": mask})
    (root / "masks/classes.json").write_text('{"24": "person", "26": "car"}')
    index = read(root)
    found = {(index.categories[a.category_id], a.crowd): a.area for a in index.annotations(0)}
    assert found == {("car", False): 16, ("person", False): 12, ("person", True): 32}


def test_numbers_of_24_bits(tmp_path: Path) -> None:
    """Red + 256 green + 65536 blue: 90002 = 146 + 256 * 95 + 65536."""
    mask = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    mask[2:5, 2:5] = (1, 95, 146)  # OpenCV writes blue, green, red
    root = put(tmp_path, {"a.png": mask})
    (root / "masks/classes.json").write_text('{"90": "x"}')
    (annotation,) = read(root).annotations(0)
    assert (annotation.category_id, annotation.area) == (90, 9)


def test_layers_hold_objects_that_overlap(tmp_path: Path) -> None:
    """The same number in two layers is two objects; a.2.png is the mask of a.2.jpg here."""
    box = numbers(n1=(1, 6, 1, 6))
    names = ("deep/a.png", "deep/a.1.png", "deep/a.2.png", "deep/a.3.png")
    images = ("deep/a.jpg", "deep/a.2.jpg")
    index = read(put(tmp_path, dict.fromkeys(names, box), images))
    counts = {index.image(i).name: len(index.annotations(i)) for i in range(2)}
    assert counts == {"deep/a.jpg": 3, "deep/a.2.jpg": 1}


def test_masks_inside_of_the_folder_of_images(tmp_path: Path) -> None:
    root = put(tmp_path, {"a.png": numbers(n1=(1, 6, 1, 6))})
    (root / "images/a.png").rename(root / "a.png")
    (root / "images").rmdir()
    index = read_mask_folder(root, root / "masks")
    assert [index.image(i).name for i in range(len(index))] == ["a.png"]


def test_problems_are_named(tmp_path: Path) -> None:
    root = put(
        tmp_path,
        {
            "a.png": numbers(n9001=(1, 6, 1, 6), n1005=(7, 9, 7, 9)),
            "b.png": np.zeros((3, 3), np.uint8),
            "stray.png": numbers(),
        },
        ("a.png", "b.png", "c.png", "d.png", "d.jpg"),
    )
    (root / "masks/classes.json").write_text('{"1": "x"}')
    data = (root / "masks/a.png").read_bytes()
    (root / "masks/c.png").write_bytes(data[: len(data) // 2])
    index, problems = read_all(root)
    assert {(p.kind, Path(p.file).name, p.item, p.action) for p in problems} == {
        ("unknown category", "a.png", "object 9001", "stops"),
        ("mask size", "b.png", "", "stops"),
        ("unreadable mask", "c.png", "", "stops"),
        ("file name", "d.jpg", "", "stops"),
        ("mask without image", "stray.png", "", "left out"),
    }
    assert sum(len(index.annotations(i)) for i in range(len(index))) == 1


def test_files_that_are_not_read_are_named(tmp_path: Path) -> None:
    """A suffix in capitals is read, another format is not; hidden files are not looked at."""
    box = numbers(np.uint8, n1=(1, 6, 1, 6))
    names = ("a.PNG", "a.1.png", "b.PNG", "c.tif", "stray.PNG", "._d.png")
    root = put(tmp_path, dict.fromkeys(names, box), ("a.png", "b.png", "c.png"))
    index, problems = read_all(root)
    assert [len(index.annotations(i)) for i in range(3)] == [2, 1, 0]
    assert [(Path(p.file).name, p.kind, p.action) for p in problems] == [
        ("c.tif", "mask not PNG", "left out"),
        ("stray.PNG", "mask without image", "left out"),
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="file names are not bytes there")
def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    """The byte 0xe9, Latin-1 for é, comes back as it is on disk."""
    root = put(tmp_path, {"a.png": numbers(n1=(1, 6, 1, 6))})
    for folder in ("images", "masks"):
        target = os.fsencode(root / folder) + b"/\xe9.png"
        os.rename(os.fsencode(root / folder / "a.png"), target)
    data = IndexedDataset(root / "images", read(root))
    assert os.fsencode(data[0].name) == b"\xe9.png"
    assert len(data[0].instances) == 1
    (image,) = json.loads(json.dumps(data.ground_truth()))["images"]
    assert image["file_name"] == data[0].name


@pytest.mark.parametrize(
    "text", ["[]", "{}", '{"a": "b"}', '{"1": 2}', '{"-1": "x"}', '{"9999999999": "x"}', "{"]
)
def test_bad_lists_of_classes(tmp_path: Path, text: str) -> None:
    root = put(tmp_path, {})
    (root / "masks/classes.json").write_text(text)
    with pytest.raises(InputError, match=r"classes\.json: "):
        read(root)


def test_folders_that_are_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="folder of masks not found"):
        read(tmp_path)
    (tmp_path / "masks").mkdir()
    with pytest.raises(InputError, match="image folder not found"):
        read(tmp_path)
