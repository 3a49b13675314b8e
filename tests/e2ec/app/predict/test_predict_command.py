"""`e2ec predict` from its words to its files: every format, stops, other settings, bad images."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from front_doors import assert_one_line_error, assert_usage_error, call
from pycocotools.coco import COCO
from stand_in_predict import CATEGORIES, Squares, squares, use_squares, write_scene

import e2ec
from dataset.formats.mask_folder import read_mask_folder
from e2ec.results.contours import Contours
from e2ec.results.formats.item import ImageResult
from e2ec.results.formats.writers import FILE_WRITERS
from lib.errors import InputError

pytestmark = pytest.mark.usefixtures("elsewhere")
COUNTS = {"a.png": 3, "b/c.png": 0, "b/d.jpg": 1, "e.png": 2}
ENTRY = "e2ec/__main__.py"
# One of each way of writing: a file an image, several, edited ones, and one for all images.
KINDS = ("json", "masks", "voc", "labelme", "coco-results")


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Squares:
    return use_squares(monkeypatch)


@pytest.fixture
def scenes(tmp_path: Path) -> Path:
    for name, count in COUNTS.items():
        write_scene(tmp_path / "in" / name, count)
    return tmp_path / "in"


def written(folder: Path) -> dict[str, bytes]:
    """The files in a folder, but for what the command keeps for itself."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def test_json_holds_what_was_found(model: Squares, scenes: Path) -> None:
    ending = call(ENTRY, "predict", scenes)
    assert ending.status == 0, ending
    assert "out/predict: 6 instances in 4 images" in ending.out
    files = written(Path("out/predict"))
    assert set(files) == {"a.json", "b/c.json", "b/d.json", "e.json"}
    for name, count in COUNTS.items():
        found = Contours.from_json(files[str(Path(name).with_suffix(".json"))].decode())
        assert found.source == name and len(found) == count
        assert all(np.array_equal(*rings) for rings in zip(
            [part for parts in found.parts for part in parts],
            [part for parts in squares(48, 64, count).parts for part in parts], strict=True
        ))  # fmt: skip


def test_coco_results_are_read_by_its_own_tools(model: Squares, scenes: Path) -> None:
    """By the id of an image its size and its results, whose masks are those of the contours."""
    assert call(ENTRY, "predict", scenes, "--to", "coco-results", "--out", "o").status == 0
    assert set(written(Path("o"))) == {"images.json", "results.json"}
    coco = COCO("o/images.json")
    results = coco.loadRes("o/results.json")
    assert {entry["file_name"] for entry in coco.imgs.values()} == set(COUNTS)
    for key, entry in coco.imgs.items():
        expected = squares(48, 64, COUNTS[entry["file_name"]])
        found = results.loadAnns(results.getAnnIds(imgIds=[key]))
        assert [results.annToMask(one).tolist() for one in found] == expected.to_masks().tolist()
        assert [one["category_id"] for one in found] == [
            CATEGORIES[k % 2] for k in range(len(found))
        ]
        # Not rounded: the order among equal ones would change.
        assert [one["score"] for one in found] == expected.scores.tolist()


def test_masks_are_read_as_labels(model: Squares, scenes: Path) -> None:
    """The second square overlaps the others, and is whole in a layer of its own."""
    assert call(ENTRY, "predict", scenes, "--to", "masks", "--out", "o").status == 0
    numbers, further = (
        cv2.imread(f"o/masks/{name}.png", cv2.IMREAD_UNCHANGED) for name in ("a", "a.1")
    )
    first, second, third = squares(48, 64, 3).to_masks().astype(bool)
    assert np.array_equal(numbers == 3000, first) and np.array_equal(numbers == 3001, third)
    assert np.array_equal(further == 7000, second) and set(np.unique(further)) == {0, 7000}
    assert json.loads(Path("o/masks/classes.json").read_text()) == {"3": "cell", "7": "other"}
    index = read_mask_folder(scenes, Path("o/masks"))
    assert index.annotation_count() == 6 and index.categories == {3: "cell", 7: "other"}


def test_layers_of_what_an_image_was_before_go(model: Squares, scenes: Path) -> None:
    """`a.1.png` is not the second layer of a.png where there is an image `a.1.jpg`."""
    write_scene(scenes / "a.1.jpg", 1)
    words = ["predict", scenes, "--to", "masks", "--out", "o"]
    assert call(ENTRY, *words).status == 0
    own, second = Path("o/masks/a.1.png").read_bytes(), Path("o/masks/a.2.png")
    assert cv2.imread(str(second), cv2.IMREAD_UNCHANGED).max() == 7000
    later = write_scene(scenes / "a.png", 1).stat().st_mtime + 10
    os.utime(scenes / "a.png", (later, later))
    assert "1 instance in 1 image" in call(ENTRY, *words).out
    assert not second.exists() and Path("o/masks/a.1.png").read_bytes() == own
    # Layers go with --overwrite too, where an image has become another since.
    second.write_bytes(own)
    assert call(ENTRY, *words, "--overwrite").status == 0 and not second.exists()


def test_geojson_and_labelme(model: Squares, scenes: Path) -> None:
    assert call(ENTRY, "predict", scenes, "--to", "geojson", "--out", "o").status == 0
    features = json.loads(Path("o/a.geojson").read_text())["features"]
    assert [len(feature["geometry"]["coordinates"]) for feature in features] == [2, 1, 1]  # a hole
    ending = call(ENTRY, "predict", scenes, "--to", "labelme")
    assert ending.status == 0 and "beside the images" in ending.out
    assert json.loads((scenes / "b/d.json").read_text())["imagePath"] == "d.jpg"


@pytest.mark.parametrize("format", KINDS)
def test_a_stopped_run_goes_on_and_ends_the_same(format: str, model: Squares, scenes: Path) -> None:
    words = ["predict", scenes, "--to", format, "--batch-size", "1"]
    assert call(ENTRY, *words, "--out", "whole").status == 0
    model.seen, model.stop_after = 0, 2
    ending = call(ENTRY, *words, "--out", "o")
    assert ending.status == 130 and "interrupted" in ending.err
    if format == "coco-results":  # a power cut may also tear the last line
        with Path("o/.predict-coco-results.jsonl").open("ab") as lines:
            lines.write(b'{"name": "e.png", "sco')
    model.seen, model.stop_after = 0, None
    assert call(ENTRY, *words, "--out", "o").status == 0
    assert model.seen == 2
    assert written(Path("o")) == written(Path("whole"))
    ending = call(ENTRY, *words, "--out", "o")
    assert model.seen == 2 and "4 were done before" in ending.out


@pytest.mark.parametrize("format", KINDS)
def test_results_of_other_settings_are_not_taken_for_these(
    format: str, model: Squares, scenes: Path
) -> None:
    words = ["predict", scenes, "--to", format, "--out", "o"]
    assert call(ENTRY, *words).status == 0
    before = written(Path("o"))
    ending = call(ENTRY, *words, "--score", "0.5")
    assert_one_line_error(ending, "other", "--overwrite")
    assert model.seen == 4 and written(Path("o")) == before
    assert call(ENTRY, *words, "--score", "0.5", "--overwrite").status == 0
    assert model.seen == 8
    assert call(ENTRY, *words, "--score", "0.5").status == 0 and model.seen == 8


@pytest.mark.parametrize("format", KINDS)
def test_bad_images_are_listed_at_the_end(format: str, model: Squares, scenes: Path) -> None:
    """All others are written; the bad ones are tried again the next time."""
    (scenes / "b" / "bad.png").write_text("no image")
    write_scene(scenes / "huge.png", 99)
    ending = call(ENTRY, "predict", scenes, "--to", format, "--out", "o")
    assert_one_line_error(ending, "2 of 6 images")
    assert "6 instances in 4 images" in ending.out
    assert "bad.png: not an image" in ending.out and "its input is too large" in ending.out
    write_scene(scenes / "b" / "bad.png", 1)
    ending = call(ENTRY, "predict", scenes, "--to", format, "--out", "o")
    assert_one_line_error(ending, "1 of 6 images")
    assert "1 instance in 1 image" in ending.out and "4 were done before" in ending.out


@pytest.mark.parametrize("format", KINDS)
def test_an_image_that_was_replaced_is_predicted_again(
    format: str, model: Squares, scenes: Path
) -> None:
    words = ["predict", scenes, "--to", format, "--out", "o"]
    assert call(ENTRY, *words).status == 0
    later = (write_scene(scenes / "e.png", 4)).stat().st_mtime + 10
    os.utime(scenes / "e.png", (later, later))
    ending = call(ENTRY, *words)
    assert "4 instances in 1 image" in ending.out and "3 were done before" in ending.out


def test_files_of_others_are_not_written_over(model: Squares, scenes: Path) -> None:
    Path("o").mkdir()
    Path("o/e.json").write_text("mine")
    assert_one_line_error(call(ENTRY, "predict", scenes, "--out", "o"), "o/e.json", "--overwrite")
    assert written(Path("o")) == {"e.json": b"mine"} and model.seen == 0


def test_masks_never_go_where_the_images_are(model: Squares, scenes: Path) -> None:
    """In a folder among them they are not taken for images the next time."""
    words = ["predict", scenes, "--to", "masks", "--out"]
    assert_one_line_error(call(ENTRY, *words, scenes), "choose another --out")
    for _ in range(2):
        assert call(ENTRY, *words, scenes / "masks").status == 0
    assert model.seen == 4


def test_what_a_format_cannot_hold_is_listed(
    model: Squares, scenes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def narrow(items: Iterable[ImageResult], *_: object) -> Iterator[tuple[str, bytes]]:
        for item in items:
            if len(item.contours) > 2:
                raise InputError(f"{item.name}: more than 2 objects")
            yield f"{item.stem}.svg", b"fits"

    monkeypatch.setitem(FILE_WRITERS, "svg", narrow)
    ending = call(ENTRY, "predict", scenes, "--to", "svg", "--out", "o")
    assert_one_line_error(ending, "1 of 4 images")
    assert "a.png: more than 2 objects" in ending.out
    assert set(written(Path("o"))) == {"b/c.svg", "b/d.svg", "e.svg"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "SOURCE"),
        (("in", "--to", "labelm"), "did you mean 'labelme'?"),
        (("in", "--simplify", "-1"), "simplify must be"),
        (("in", "--keep", "biggest"), "--keep"),
        (("in", "--score", "2"), "--score must lie in [0, 1]"),
        (("in", "--nms-iou", "0"), "--nms-iou must lie in (0, 1]"),
        (("in", "--batch-size", "0"), "--batch-size must be positive"),
        (("in", "--ot", "x"), "--out"),
        (("in", "--preset", "nuclie"), "did you mean 'nuclei'"),
    ],
)
def test_usage_errors(words: tuple[str, ...], said: str) -> None:
    ending = call(ENTRY, "predict", *words)
    if "--preset" in words:
        assert_one_line_error(ending, said)
    else:
        assert_usage_error(ending, said)


def test_the_bundled_model_gives_what_it_gives_in_python(tmp_path: Path) -> None:
    """The command, the function and the model itself; a stage that does not exist is said."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 60, (64, 96, 3), dtype=np.uint8)
    for x, y in ((20, 20), (60, 40)):
        cv2.circle(image, (x, y), 9, (200, 200, 200), -1)
    assert cv2.imwrite("a.png", image)
    options = ["--score", "0.1", "--nms-iou", "0.5", "--zoom", "1", "--device", "cpu"]
    ending = call(ENTRY, "predict", "a.png", "--out", "command", *options)
    assert ending.status == 0, ending
    done = e2ec.predict(
        "a.png", out=Path("function"), score=0.1, nms_iou=0.5, zoom=1.0, device="cpu"
    )
    assert (done.images, done.written, done.failed) == (1, 1, {})
    assert written(Path("command")) == written(Path("function"))
    model = e2ec.load_model(device="cpu", view=e2ec.TestView("pad", zoom=1.0))
    found = model.predict("a.png", score_threshold=0.1)
    assert len(found) == done.instances > 0
    assert Path("command/a.json").read_text().strip() == found.to_json()
    assert_usage_error(call(ENTRY, "predict", "a.png", "--stage", "coarze"), "one of init, coarse")
    with pytest.raises(ValueError, match="one of init, coarse"):
        e2ec.predict("a.png", stage="coarze")
