"""CVAT's XML as labels: polygons, masks and groups, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dataset.checks.problems import Problem
from dataset.formats.cvat import read_cvat
from dataset.formats.detect import detect_format
from dataset.masks.rasterize import annotation_mask
from lib.errors import InputError

NAMES = "".join(f"<label><name>{name}</name></label>" for name in "ba")
META = f"<meta><task><labels>{NAMES}</labels></task></meta>"
POLYGON = '<polygon label="a" points="1.0,1.0;4.5,1.0;4.5,3.0;1.0,3.0"/>'


def write(folder: Path, images: str, meta: str = META, head: str = "") -> Path:
    path = folder / "annotations.xml"
    path.write_text(f"{head}<annotations><version>1.1</version>{meta}{images}</annotations>")
    return path


def image(shapes: str, name: str = "one.png") -> str:
    return f'<image id="0" name="{name}" width="8" height="6">{shapes}</image>'


def test_polygons_groups_masks_and_crowds(tmp_path: Path) -> None:
    """The mask: 3 x 2 pixels from column 2 and row 3; row by row 1 1 1, 1 0 1."""
    shapes = (
        POLYGON
        + '<mask label="b" rle="0, 4, 1, 1" left="2" top="3" width="3" height="2"/>'
        + '<polygon label="a" group_id="1" points="0,0;1,0;1,1;0,1"/>'
        + '<polygon label="b" group_id="1" points="5,0;6,0;6,1;5,1"/>'
        + '<polygon label="a" group_id="1" points="7,0;8,0;8,1;7,1">'
        + '<attribute name="crowd">true</attribute></polygon>'
    )
    index = read_cvat(write(tmp_path, image(shapes)))
    assert index.categories == {1: "b", 2: "a"} and index.image(0).name == "one.png"
    found = index.annotations(0)
    assert [(a.category_id, a.crowd, len(a.polygons)) for a in found] == [
        (2, False, 1),
        (1, False, 1),
        (2, True, 2),
        (1, False, 1),
    ]
    assert found[0].polygons[0].tolist() == [[1.0, 1.0], [4.5, 1.0], [4.5, 3.0], [1.0, 3.0]]
    mask = np.zeros((6, 8), bool)
    mask[3:5, 2:5] = True
    mask[4, 3] = False
    assert (annotation_mask(found[1], 6, 8) == mask).all()


def test_labels_without_a_list_are_sorted(tmp_path: Path) -> None:
    shapes = POLYGON + POLYGON.replace('"a"', '"0"')
    assert read_cvat(write(tmp_path, image(shapes), meta="")).categories == {1: "0", 2: "a"}


def test_it_is_recognised(tmp_path: Path) -> None:
    path = write(tmp_path, image(POLYGON))
    assert detect_format(tmp_path).name == detect_format(path).name == "cvat"


def test_what_is_no_outline_is_left_out(tmp_path: Path) -> None:
    problems: list[Problem] = []
    box = '<box label="a" xtl="0" ytl="0" xbr="2" ybr="2"/>'
    index = read_cvat(write(tmp_path, image(box + POLYGON)), report=problems.append)
    assert index.annotation_count() == 1
    assert [(p.action, p.item) for p in problems] == [("left out", "image one.png: shape 0")]


MASK = '<mask label="a" rle="{}" left="0" top="0" width="{}" height="2"/>'


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (image(POLYGON.replace('"a"', '"c"')), "one.png: shape 0: label 'c' is not among"),
        (image(POLYGON.replace("4.5,1.0", "4.5")), "shape 0: 'points' must be"),
        (image(POLYGON.replace("4.5,1.0", "nan,1")), "shape 0: .*NaN|number"),
        (image(MASK.format("0, 3", 2)), "shape 0: 'rle' cannot be read"),
        (image(MASK.format("0, -1, 5", 2)), "shape 0: 'rle' cannot be read"),
        (image(MASK.format("0, 2000000000", 1000000000)), "shape 0: the mask is larger"),
        (image(POLYGON) * 2, "image one.png: the image appears twice"),
        (image(POLYGON, "../one.png"), "leads out"),
        (image(POLYGON).replace('"8"', '"x"'), "'width' must be a whole number"),
    ],
)
def test_bad_labels(tmp_path: Path, images: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_cvat(write(tmp_path, images))


BOMB = '<!DOCTYPE a [<!ENTITY x "lol"><!ENTITY y "&x;&x;&x;&x;">]>'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not XML"),
        ("<annotations", "not XML"),
        ("<annotation/>", "not CVAT for images"),
        ('<annotations><track id="0"/></annotations>', "not CVAT for images"),
        (f"{BOMB}<annotations>&y;</annotations>", "has a document type"),
        ('<?xml version="1.0" encoding="no"?><annotations/>', "not XML"),
    ],
)
def test_bad_files(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "annotations.xml"
    path.write_text(text)
    with pytest.raises(InputError, match=rf"annotations\.xml: {message}"):
        read_cvat(path)
