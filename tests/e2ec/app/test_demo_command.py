"""Options of demo.py that change what it shows, and what it finds in its output folder."""

from __future__ import annotations

import json
from functools import partialmethod
from pathlib import Path

import cv2
import numpy as np
import pytest
from front_doors import assert_one_line_error, assert_usage_error, call, write_picture
from stand_in_demo import write_film

from dataset.transforms.test_transform import TestView
from e2ec.app.commands.demo import frame_count
from e2ec.app.limited_view import MOST_PIXELS, LimitedView
from e2ec.results.contours import Contours
from e2ec.results.draw.visualize import draw_contours

pytestmark = pytest.mark.usefixtures("elsewhere")


def test_the_demo_with_another_view(weights: Path, tmp_path: Path) -> None:
    """What is given is changed, the rest stays as the weights say; one line says it."""
    picture = write_picture(tmp_path / "a.png")
    base = ["demo.py", "--weights", weights, "--source", picture, "--score", "0"]
    lines, found = [], []
    for more in ((), ("--zoom", 2), ("--view", "letterbox", "--view-size", 64, 96, "--zoom", 0.5)):
        ending = call(*base, *more, "--out", "o")
        assert ending.status == 0, ending
        lines.append(ending.out.splitlines()[0])
        found.append(json.loads(Path("o/contours.json").read_text())["images"][0]["instances"])
    assert not lines[0].startswith("view:")
    assert lines[1].startswith("view: letterbox 256 x 256, zoom 2; the weights' own is letterbox")
    assert lines[2].startswith("view: letterbox 64 x 96, zoom 0.5; ")
    assert found[0] != found[1] != found[2]


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (("--zoom", 99), ("--zoom 99", "16")),
        (("--view", "letterbox"), ("--view letterbox", "--view-size")),
        (("--view-size", 64, 64), ("--view-size 64 64", "--view letterbox")),
        (("--view", "fixed", "--view-size", 99999, 64), ("--view-size 99999 64", "16384")),
    ],
    ids=lambda value: " ".join(map(str, value)),
)
def test_views_that_cannot_be(
    options: tuple[object, ...], parts: tuple[str, ...], tmp_path: Path
) -> None:
    """The bundled weights, whose view takes its size from the image."""
    picture = write_picture(tmp_path / "a.png")
    ending = call("demo.py", "--source", picture, "--out", "o", *options)
    assert_one_line_error(ending, *parts)
    assert not Path("o").exists()


def test_overlays_without_labels(weights: Path, tmp_path: Path) -> None:
    picture = write_picture(tmp_path / "a.png", 256, 256)
    pictures = []
    for number, more in enumerate([(), ("--no-labels",)]):
        call(
            "demo.py", "--weights", weights, "--source", picture, "--score", 0,
            "--out", f"o{number}", *more,
        )  # fmt: skip
        pictures.append(cv2.imread(f"o{number}/a_overlay.png"))
    found = Contours.from_dict(json.loads(Path("o0/contours.json").read_text()))
    image = cv2.imread(str(picture))[..., ::-1]
    plain = draw_contours(np.ascontiguousarray(image), found, labels=False)[..., ::-1]
    assert (pictures[0] != pictures[1]).any()
    # Contours are written rounded, so a pixel of an outline may differ by a little.
    assert np.abs(pictures[1].astype(int) - plain).mean() < 0.5


def test_overlays_of_an_earlier_run_make_way(weights: Path, tmp_path: Path) -> None:
    """Those that its own list names, and its files; whatever else lies there stays."""
    for name, images in (("first", ("a.png", "a.jpg", "b.png")), ("second", ("b.png", "c.png"))):
        (tmp_path / name).mkdir()
        for image in images:
            write_picture(tmp_path / name / image)
    base = ["demo.py", "--weights", weights, "--out", "o"]
    assert call(*base, "--source", "first").status == 0
    assert {p.name for p in Path("o").glob("*.png")} == {
        "a_overlay.png", "a.png_overlay.png", "b_overlay.png",
    }  # fmt: skip
    Path("o/notes.txt").write_text("mine")
    Path("o/d_overlay.png").write_text("mine too")
    ending = call(*base, "--source", "second")
    assert "2 overlays of an earlier run removed" in ending.out
    names = {"b_overlay.png", "c_overlay.png", "contours.json", "notes.txt", "d_overlay.png"}
    assert {path.name for path in Path("o").iterdir()} == names
    assert "removed" not in call(*base, "--source", "second").out


def test_a_video_takes_the_place_of_images_and_back(weights: Path, tmp_path: Path) -> None:
    write_film(tmp_path / "film.avi", 1)
    picture = write_picture(tmp_path / "a.png")
    base = ["demo.py", "--weights", weights, "--out", "o"]
    for source, names in (
        (picture, {"contours.json", "a_overlay.png"}),
        ("film.avi", {"contours.jsonl", "overlay.mp4"}),
        (picture, {"contours.json", "a_overlay.png"}),
    ):
        ending = call(*base, "--source", source)
        assert ending.status == 0, ending
        assert {path.name for path in Path("o").iterdir()} == names


def test_lists_of_others_remove_nothing(weights: Path, tmp_path: Path) -> None:
    """A file that is not ours, and one of ours that names files outside of the folder."""
    picture = write_picture(tmp_path / "a.png")
    Path("o").mkdir()
    Path("o/x_overlay.png").write_text("mine")
    Path("o/overlay.mp4").write_text("mine")
    Path("o/contours.json").write_text('{"images": [{"source": "x.png"}]}')
    Path("o/contours.jsonl").write_text("\n")
    Path("x_overlay.png").write_text("mine")
    assert call("demo.py", "--weights", weights, "--out", "o", "--source", picture).status == 0
    document = json.loads(Path("o/contours.json").read_text())
    document["images"][0]["source"] = "../x.png"
    Path("o/contours.json").write_text(json.dumps(document))
    Path("o/x_overlay.png").unlink()
    assert call("demo.py", "--weights", weights, "--out", "o", "--source", picture).status == 0
    assert Path("x_overlay.png").is_file() and Path("o/overlay.mp4").is_file()
    assert Path("o/contours.jsonl").is_file()


@pytest.mark.parametrize(
    ("length", "limit", "total"), [(5, None, 5), (5, 3, 3), (5, 9, 5), (None, 9, 9), (None,) * 3]
)
def test_the_length_of_the_progress_bar(
    length: int | None, limit: int | None, total: int | None
) -> None:
    class Known:
        def __init__(self) -> None:
            self.length = length

    assert frame_count(Known(), limit) == total  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (("--patience", "-1"), "patience must be"),
        (("--patience", "nan"), "patience must be"),
        (("--policy", "newst"), "did you mean 'newest'"),
        (("--smooth", "0.2"), "--smooth needs --track"),
        (("--track", "--gap", "-1"), "gap"),
        (("--show", "--no-show"), "contradict"),
    ],
)
def test_options_of_streams_that_cannot_be(options: tuple[str, ...], part: str) -> None:
    assert_usage_error(call("demo.py", *options), part)


def test_a_huge_image_is_shown_smaller_and_a_line_says_so(tmp_path: Path) -> None:
    """By the bundled model's own view; `--zoom` asks for all of it; usual sizes stay."""
    view = LimitedView.of(TestView("pad", zoom=2.0))
    for height, width in ((480, 640), (1080, 1920), (1440, 2560)):
        assert view.remark("a.png", height, width) is None
        plain = TestView("pad", zoom=2.0).geometry(height, width)
        size, matrix = view.geometry(height, width)
        assert size == plain[0] and (matrix == plain[1]).all()
    (height, width), matrix = view.geometry(4000, 6000)
    assert 0.95 * MOST_PIXELS < height * width < 1.05 * MOST_PIXELS
    assert matrix[0, 0] == pytest.approx(view.zoom_for(4000, 6000))
    said = view.remark("a.png", 4000, 6000)
    assert said is not None and "a zoom of 0.84 instead of 2" in said and "--zoom 2" in said


def test_the_line_about_a_huge_image_comes_once_a_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        LimitedView, "__init__", partialmethod(LimitedView.__init__, most_pixels=6000)
    )
    (tmp_path / "in").mkdir()
    for name, height in (("a.png", 64), ("b.png", 64), ("c.png", 16)):
        write_picture(tmp_path / "in" / name, height)
    ending = call("demo.py", "--source", "in", "--out", "o", "--device", "cpu")
    assert ending.status == 0 and ending.out.count("are shown to the network") == 1
    asked = call("demo.py", "--source", "in", "--out", "o", "--device", "cpu", "--zoom", "2")
    assert "are shown to the network" not in asked.out
