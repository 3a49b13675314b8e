"""`e2ec predict` writes what the writers of formats do of all images at once."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from front_doors import assert_one_line_error, call
from stand_in_predict import Squares, squares, use_squares, write_scene

from e2ec.app.predict.image_list import list_images
from e2ec.results.contours import Contours
from e2ec.results.formats.catalogue import OUTPUT_FORMATS
from e2ec.results.formats.item import ImageResult
from e2ec.results.formats.measurements import measured_pixels
from e2ec.results.formats.options import FormatOptions
from e2ec.results.formats.writers import format_files

pytestmark = pytest.mark.usefixtures("elsewhere")
COUNTS = {"a.png": 3, "b/c.png": 0, "b/d.jpg": 1}
ENTRY = "e2ec/__main__.py"
PACKAGES = {"imagej": "roifile", "geoparquet": "pyarrow"}
CHANGED = FormatOptions(keep="largest", holes=False, decimals=1)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Squares:
    return use_squares(monkeypatch)


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    for name, count in COUNTS.items():
        write_scene(tmp_path / "in" / name, count)
    return tmp_path / "in"


def at_once(format: str, scenes: Path, options: FormatOptions) -> dict[str, bytes]:
    """The files of a format, written of all images together."""
    items = [
        ImageResult(
            image.name,
            replace(squares(48, 64, COUNTS[image.name]), source=image.name),
            number,
            pixels=partial(measured_pixels, image.path),
        )
        for number, image in enumerate(list_images(scenes), start=1)
    ]
    return dict(format_files(format, items, options))


def written(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


@pytest.mark.parametrize("format", [name for name in OUTPUT_FORMATS if name != "labelme"])
@pytest.mark.parametrize("words", [(), ("--keep", "largest", "--no-holes", "--decimals", "1")])
def test_every_format_is_that_of_the_catalogue(
    format: str, words: tuple[str, ...], model: Squares, scenes: Path
) -> None:
    """Written image by image, by a run that was stopped in between: byte by byte the same."""
    if format in PACKAGES:
        pytest.importorskip(PACKAGES[format], reason="writes this format")
    command = ["predict", scenes, "--to", format, "--out", "o", "--batch-size", "1", *words]
    model.stop_after = 1
    assert call(ENTRY, *command).status == 130
    model.seen, model.stop_after = 0, None
    assert call(ENTRY, *command).status == 0
    assert model.seen == 2
    assert written(Path("o")) == at_once(format, scenes, CHANGED if words else FormatOptions())


def test_labelme_is_that_of_the_catalogue_and_a_mark(model: Squares, scenes: Path) -> None:
    """In folders of the images' own names; that of the image is the path to it there."""
    assert call(ENTRY, "predict", scenes, "--to", "labelme", "--no-holes").status == 0
    for name, data in at_once("labelme", scenes, FormatOptions(holes=False)).items():
        if name != "classes.json":
            document = json.loads((scenes / name).read_text())
            assert document.pop("e2ec").keys() == {"content", "made_by"}
            assert document == json.loads(data)
    assert not (scenes / "classes.json").exists()


def test_options_count_as_settings(model: Squares, scenes: Path) -> None:
    """A square with a hole, of 100 - 9 pixels; results of other options are not taken for these."""
    words = ["predict", scenes / "a.png", "--out", "o"]
    assert call(ENTRY, *words).status == 0
    found = Contours.from_json(Path("o/a.json").read_text())
    assert found.areas().tolist() == [91, 100, 100]
    assert_one_line_error(call(ENTRY, *words, "--no-holes"), "results of other holes")
    assert_one_line_error(call(ENTRY, *words, "--pixel-size", "2"), "results of other pixel size")
    assert call(ENTRY, *words, "--no-holes", "--overwrite").status == 0
    found = Contours.from_json(Path("o/a.json").read_text())
    assert found.areas().tolist() == [100, 100, 100]


def test_what_was_left_out_is_said(model: Squares, scenes: Path) -> None:
    """Twelve squares, of which the last two begin at x = 52 and 57, in an image 50 wide."""
    write_scene(scenes / "a.png", 12, height=64, width=50)
    ending = call(ENTRY, "predict", scenes / "a.png", "--to", "csv")
    assert "left out: 2 objects that cover no pixel" in ending.out


@pytest.mark.parametrize("format", ["svg", "masks"])
def test_images_that_differ_by_their_suffixes(format: str, model: Squares, scenes: Path) -> None:
    write_scene(scenes / "a.jpg", 1)
    assert call(ENTRY, "predict", scenes, "--to", format, "--out", "o").status == 0
    record = OUTPUT_FORMATS[format]
    (first,), (second,) = record.paths("a"), record.paths("a.png")
    assert {first, second} <= written(Path("o")).keys()


@pytest.mark.parametrize("format", PACKAGES)
def test_a_missing_package_is_said_before_anything_is_predicted(
    format: str, model: Squares, scenes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, PACKAGES[format], None)
    ending = call(ENTRY, "predict", scenes, "--to", format, "--out", "o")
    assert_one_line_error(ending, 'pip install "e2ec[')
    assert model.seen == 0 and not Path("o").exists()
