"""Images and views too large for this machine: one line wherever they come in."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from front_doors import (
    TINY,
    assert_one_line_error,
    call,
    coco_folder,
    write_picture,
    write_video,
)
from huge_images import write_huge_png

import e2ec
from dataset.transforms.test_transform import TestView
from e2ec.app.commands.convert import ConvertOptions, convert
from e2ec.app.stream.sources.video import VideoSource
from e2ec.engine.weights.checkpoint import load_weights, save_weights
from e2ec.families.contour.card import ContourCard
from lib.errors import InputError

LIMIT, INPUT_LIMIT = "E2EC_MAX_IMAGE_BYTES", "E2EC_MAX_INPUT_PIXELS"
SIZE = "27000 x 27000 pixels"
pytestmark = pytest.mark.usefixtures("elsewhere")


@pytest.fixture
def huge(tmp_path: Path) -> Path:
    """A COCO data set whose second image is a small file of 27,000 x 27,000 pixels."""
    root = coco_folder(tmp_path / "data")
    (root / "images/2.jpg").unlink()
    write_huge_png(root / "images/2.png", 27_000, 27_000)
    for path in root.glob("*.json"):
        document = json.loads(path.read_text())
        document["images"][1] |= {"file_name": "2.png", "width": 27_000, "height": 27_000}
        path.write_text(json.dumps(document))
    return root


def options(root: Path) -> list[object]:
    return [
        "nuclei", "--data.root", root, "--device", "cpu", "--data.workers", "0",
        "--train.batch-size", "2", "--train.epochs", "1",
    ]  # fmt: skip


@pytest.mark.parametrize("fast", [(), ("--fast",)], ids=["decode", "fast"])
def test_check_calls_it_too_large(huge: Path, fast: tuple[str, ...]) -> None:
    ending = call("e2ec/__main__.py", "check", *options(huge), *fast, "--examples", "0")
    assert ending.status == 1, ending
    document = json.loads(Path("runs/check/nuclei/problems.json").read_text())
    (found,) = [p for p in document["problems"] if p["kind"] == "too large"]
    assert found["file"].endswith("2.png") and found["action"] == "stops"
    assert SIZE in found["what"] and LIMIT in found["remedy"]


def test_training_demo_and_prediction(huge: Path, weights: Path, tmp_path: Path) -> None:
    assert_one_line_error(call("train.py", *options(huge)), "2.png: too large", SIZE, LIMIT)
    ending = call("demo.py", "--weights", weights, "--source", huge / "images/2.png")
    assert_one_line_error(ending, "2.png: too large", LIMIT)
    with pytest.raises(InputError, match=r"2\.png: too large"):
        e2ec.load_model(weights, device="cpu").predict(huge / "images/2.png")
    with pytest.raises(InputError, match="too large: 27000 x 27000"):
        # Zeros that nobody reads take no memory.
        e2ec.load_model(weights, device="cpu").predict(np.zeros((27_000, 27_000, 3), np.uint8))


def test_copying_an_image_does_not_decode_it(huge: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    convert(
        ConvertOptions(source=huge / "instances_val.json", to="coco", out=out, copy_images=True)
    )
    (copy,) = out.rglob("2.png")
    assert copy.read_bytes() == (huge / "images/2.png").read_bytes()


def test_frames_of_a_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "film.mp4")
    monkeypatch.setenv(LIMIT, str(96 * 64 * 3))
    assert len(list(VideoSource(str(path), name="film.mp4"))) == 1
    opened = VideoSource(str(path), name="film.mp4")
    monkeypatch.setenv(LIMIT, str(96 * 64 * 3 - 1))
    with pytest.raises(InputError, match=r"film\.mp4: too large: 96 x 64"):
        VideoSource(str(path), name="film.mp4")
    with pytest.raises(InputError, match=r"film\.mp4: too large: 96 x 64"):
        list(opened)


@pytest.mark.parametrize(
    "view",
    [
        TestView("letterbox", size=(16_384, 16_384)),
        TestView("fixed", size=(4096, 4096), zoom=4.0),
        TestView("pad", multiple=16_384),
    ],
    ids=["size", "zoom", "multiple"],
)
def test_a_view_that_needs_gigabytes_is_refused(
    view: TestView, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the loader of weights; the limit is a setting of the environment."""
    network, card = load_weights(weights)
    path = tmp_path / "w.safetensors"
    monkeypatch.setenv(INPUT_LIMIT, str(16_384**2))
    save_weights(path, network, replace(card, view=view))
    assert load_weights(path)[1].view == view
    monkeypatch.delenv(INPUT_LIMIT)
    with pytest.raises(InputError, match=r"w\.safetensors: .*16384 x 16384.*E2EC_MAX") as caught:
        load_weights(path)
    assert "\n" not in str(caught.value)


def test_views_of_all_presets_are_allowed() -> None:
    """The largest is that of Cityscapes, 1216 x 2432; also at half as much again."""
    for view in (TestView("fixed", size=(1216, 2432), zoom=1.5), TestView("pad", zoom=16.0)):
        ContourCard("nano", ("a",), (1,), view=view)


@pytest.mark.parametrize("program", ["train.py", "test.py"])
def test_a_view_of_the_settings(program: str, weights: Path) -> None:
    view: list[Any] = ["--data.view.mode", "letterbox", "--data.view.size", "16384", "16384"]
    more = [] if program == "train.py" else ["--weights", weights]
    assert_one_line_error(call(program, *TINY, *view, *more), "data.view", "16384 x 16384")


def test_an_input_that_an_image_makes_too_large(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = np.zeros((64, 96, 3), np.uint8)
    view = TestView("pad", zoom=2.0)
    network, card = load_weights(weights)
    save_weights("w.safetensors", network, replace(card, view=TestView("pad")))
    monkeypatch.setenv(INPUT_LIMIT, str(128 * 192))
    assert view.apply(image, "a.png")[0].shape == (128, 192, 3)
    monkeypatch.setenv(INPUT_LIMIT, str(128 * 192 - 1))
    line = r"^a\.png: 96 x 64 .*192 x 128 in the view 'pad'"
    with pytest.raises(InputError, match=line) as found:
        view.apply(image, "a.png")
    assert "zoom 2" in str(found.value) and f"{INPUT_LIMIT}=24576" in str(found.value)
    write_picture(tmp_path / "a.png", 64, 96)
    monkeypatch.setenv(INPUT_LIMIT, "5000")
    ending = call("demo.py", "--weights", "w.safetensors", "--source", "a.png")
    assert_one_line_error(ending, "a.png: 96 x 64", INPUT_LIMIT)
