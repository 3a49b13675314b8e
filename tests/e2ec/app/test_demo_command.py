"""Options of demo.py that change what it shows, and what it finds in its output folder."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from front_doors import assert_one_line_error, call, write_picture

from e2ec.app.commands.demo import frame_count
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
    writer = cv2.VideoWriter("film.avi", cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (96, 64))
    writer.write(np.zeros((64, 96, 3), np.uint8))
    writer.release()
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
