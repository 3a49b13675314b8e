"""Pascal VOC's masks as labels: palettes, colours, borders, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from dataset.checks.problems import Problem
from dataset.formats.detect import detect_format
from dataset.formats.open_path import open_path
from dataset.formats.voc import read_voc
from dataset.masks.rasterize import annotation_mask
from lib.errors import InputError
from lib.images import write_image

OBJECTS = np.zeros((6, 8), np.uint8)
OBJECTS[1:4, 1:4] = 1
OBJECTS[2, 2] = 0  # a hole
OBJECTS[1, 6] = OBJECTS[4, 6] = 2  # two parts
OBJECTS[5] = 255  # what nobody looked at
KINDS = np.where(OBJECTS == 1, 15, np.where(OBJECTS == 2, 7, OBJECTS)).astype(np.uint8)


def write(
    root: Path, name: str = "one", objects: np.ndarray = OBJECTS, kinds: np.ndarray = KINDS
) -> None:
    write_image(root / "JPEGImages" / f"{name}.jpg", np.zeros((6, 8, 3), np.uint8))
    for folder, pixels in (("SegmentationObject", objects), ("SegmentationClass", kinds)):
        (root / folder).mkdir(exist_ok=True)
        image = PIL.Image.fromarray(pixels)
        if pixels.ndim == 2 and pixels.dtype == np.uint8:
            image.putpalette(list(range(256)) * 3)
        image.save(root / folder / f"{name}.png")


def test_numbers_holes_parts_and_the_border(tmp_path: Path) -> None:
    """Classes 15 and 7 of Pascal VOC: person and car."""
    write(tmp_path)
    write_image(tmp_path / "JPEGImages" / "unlabelled.jpg", np.zeros((6, 8, 3), np.uint8))
    assert detect_format(tmp_path).name == "voc"
    index = read_voc(tmp_path)
    assert len(index) == 1 and index.image(0).name == "one.jpg"
    found = index.annotations(0)
    assert [index.categories[a.category_id] for a in found] == ["person", "car"]
    for value, annotation in enumerate(found, start=1):
        assert (annotation_mask(annotation, 6, 8) == (value == OBJECTS)).all()


def test_colours_of_a_label_map(tmp_path: Path) -> None:
    """As CVAT exports it; (224, 224, 192) is the border."""
    colors = np.zeros((256, 3), np.uint8)
    colors[1], colors[2], colors[255] = (128, 0, 0), (0, 128, 0), (224, 224, 192)
    kinds = np.zeros((256, 3), np.uint8)
    kinds[15], kinds[7], kinds[255] = (10, 20, 30), (40, 50, 60), (224, 224, 192)
    write(tmp_path, objects=colors[OBJECTS], kinds=kinds[KINDS])
    (tmp_path / "labelmap.txt").write_text(
        "# label:color_rgb:parts:actions\nbackground:0,0,0::\nx:40,50,60::\ny:10,20,30::\n"
    )
    index = read_voc(tmp_path)
    assert [index.categories[a.category_id] for a in index.annotations(0)] in (
        ["y", "x"],
        ["x", "y"],
    )
    assert sorted(int(a.runs[1::2].sum()) for a in index.annotations(0) if a.runs is not None) == [
        2,
        8,
    ]


def test_splits_are_lists(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        write(tmp_path, name)
    lists = tmp_path / "ImageSets" / "Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("three\none\n")
    (lists / "val.txt").write_text("two\n")
    data = open_path(tmp_path)
    assert {name: len(split) for name, split in data.items()} == {"train": 2, "val": 1}


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    write(tmp_path, kinds=np.where(KINDS == 7, 77, KINDS).astype(np.uint8))
    write(tmp_path, "small", objects=OBJECTS[:3])
    (tmp_path / "SegmentationObject" / "lonely.png").write_bytes(b"")
    problems: list[Problem] = []
    index = read_voc(tmp_path, report=problems.append)
    assert index.annotation_count() == 1
    assert sorted((Path(p.file).name, p.item, p.kind, p.action) for p in problems) == [
        ("lonely.png", "", "mask without image", "left out"),
        ("one.png", "object 2", "unknown category", "stops"),
        ("small.png", "", "mask size", "stops"),
    ]


@pytest.mark.parametrize("line", ["x:1,2::", "x:a,b,c::", "background:0,0,0::"])
def test_bad_label_maps(tmp_path: Path, line: str) -> None:
    write(tmp_path)
    (tmp_path / "labelmap.txt").write_text(line)
    with pytest.raises(InputError, match=r"labelmap\.txt: "):
        read_voc(tmp_path)
