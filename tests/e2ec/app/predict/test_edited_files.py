"""LabelMe files beside images: written, gone on with, and never taken from whoever changed them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stand_in_predict import squares, write_scene

from dataset.formats.labelme.read import read_labelme
from e2ec.app.predict.image_list import ListedImage, list_images
from e2ec.app.predict.outputs.edited_files import EditedFiles, made_by_us
from e2ec.results.formats.catalogue import OUTPUT_FORMATS
from e2ec.results.formats.options import FormatOptions

MADE = {"weights": "abc", "score": "0.3"}


def files(
    folder: Path | None = None, made: dict[str, str] = MADE, *, over: bool = False
) -> EditedFiles:
    return EditedFiles(OUTPUT_FORMATS["labelme"], folder, made, FormatOptions(), overwrite=over)


@pytest.fixture
def image(tmp_path: Path) -> ListedImage:
    write_scene(tmp_path / "in" / "sub" / "a.png", 3)
    return list_images(tmp_path / "in")[0]


def add_shape(document: dict[str, Any]) -> None:
    document["shapes"].append({**document["shapes"][1], "label": "mine"})


def move_point(document: dict[str, Any]) -> None:
    document["shapes"][1]["points"][0][0] += 0.01


def rename_label(document: dict[str, Any]) -> None:
    document["shapes"][0]["label"] = "other"


def set_flag(document: dict[str, Any]) -> None:
    document["flags"] = {"checked": True}


def save_in_labelme(document: dict[str, Any]) -> None:
    """LabelMe writes its version and, as it is set up first, the image; nothing else is changed."""
    document.update(version="9.9.9", imageData="aGVsbG8=")


@pytest.mark.parametrize("change", [add_shape, move_point, rename_label, set_flag, save_in_labelme])
def test_a_file_that_was_changed_is_a_persons(
    change: Callable[[dict[str, Any]], None], image: ListedImage
) -> None:
    path = image.path.with_suffix(".json")
    assert files().write(image, squares(48, 64, 3))
    assert files().state(image) == "done"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    for output in (files(), files(over=True), files(made={"weights": "new"})):
        assert output.state(image) == "kept"
        assert not output.write(image, squares(48, 64, 1))  # whatever it was at first
    assert json.loads(path.read_text()) == document


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "not JSON", '{"e2ec": {"made_by": 3}}', '{"e2ec": 1}']
)
def test_a_file_of_another_origin_is_a_persons(text: str, image: ListedImage) -> None:
    image.path.with_suffix(".json").write_text(text)
    assert files(over=True).state(image) == "kept"


def test_a_file_that_is_only_laid_out_anew_is_ours(image: ListedImage) -> None:
    files().write(image, squares(48, 64, 3))
    path = image.path.with_suffix(".json")
    document = json.loads(path.read_text())
    path.write_text(json.dumps(dict(reversed(document.items())), indent=4))
    assert files().state(image) == "done"


def test_files_of_other_settings_are_said_and_replaced_if_asked(image: ListedImage) -> None:
    assert files().state(image) == "open"
    files().write(image, squares(48, 64, 3))
    other = {**MADE, "score": "0.5"}
    assert files(made=other).state(image) == "other"
    assert files(made=other, over=True).state(image) == "open"
    assert files(made=other, over=True).write(image, squares(48, 64, 1))
    assert files(made=other).state(image) == "done" and files().state(image) == "other"


def test_an_image_that_has_changed_since_is_open(image: ListedImage) -> None:
    import os

    files().write(image, squares(48, 64, 3))
    later = image.path.with_suffix(".json").stat().st_mtime + 10
    os.utime(image.path, (later, later))
    assert files().state(image) == "open"


@pytest.mark.parametrize("inside", [True, False])
def test_labelme_reads_what_is_written(inside: bool, image: ListedImage, tmp_path: Path) -> None:
    """Beside the images and in a folder of their own: the path leads to the image."""
    out = None if inside else tmp_path / "out"
    assert files(out).write(image, squares(48, 64, 3))
    path = image.path.with_suffix(".json") if inside else tmp_path / "out" / "sub" / "a.json"
    assert made_by_us(path) is not None
    document = json.loads(path.read_text())
    assert (path.parent / document["imagePath"]).resolve() == image.path.resolve()
    if inside:
        index = read_labelme(tmp_path / "in")
        assert index.annotation_count() == 3 and set(index.categories.values()) == {"cell", "other"}
