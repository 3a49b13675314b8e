"""Options of demo.py that change what it shows, and what it finds in its output folder."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from functools import partialmethod
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from front_doors import assert_one_line_error, assert_usage_error, call, write_picture

from dataset.transforms.test_transform import TestView
from e2ec.app.commands.demo import frame_count
from e2ec.app.limited_view import MOST_PIXELS, LimitedView
from e2ec.bench.studies.killed_demo import look_at, stop_one
from e2ec.bench.studies.live_server import jpeg, mjpeg_server, numbered, paced
from e2ec.bench.studies.stand_in import StandIn
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


def write_film(path: Path, frames: int) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (96, 64))
    for _ in range(frames):
        writer.write(np.zeros((64, 96, 3), np.uint8))
    writer.release()
    return path


def use_stand_in(monkeypatch: pytest.MonkeyPatch, model: StandIn) -> None:
    monkeypatch.setattr("e2ec.app.commands.demo._load", lambda options: model)
    monkeypatch.setattr(StandIn, "card", SimpleNamespace(view=None), raising=False)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    model = StandIn()
    use_stand_in(monkeypatch, model)
    return model


def two_good_ones(folder: Path) -> None:
    """And between them one that is none."""
    folder.mkdir()
    write_picture(folder / "a.png")
    (folder / "b.png").write_text("no image")
    write_picture(folder / "c.png")


@pytest.mark.usefixtures("model")
def test_a_broken_image_is_passed_over_and_said_at_the_end(tmp_path: Path) -> None:
    two_good_ones(tmp_path / "in")
    ending = call("demo.py", "--source", "in", "--out", "o")
    assert_one_line_error(ending, "in/b.png: not an image")
    assert "in/b.png: not an image" in ending.out and "2 instances in 2 images" in ending.out
    document = json.loads(Path("o/contours.json").read_text())
    assert [image["source"] for image in document["images"]] == ["a.png", "c.png"]
    assert {p.name for p in Path("o").glob("*.png")} == {"a_overlay.png", "c_overlay.png"}


@pytest.mark.usefixtures("model")
def test_strict_stops_at_a_broken_image(tmp_path: Path) -> None:
    two_good_ones(tmp_path / "in")
    ending = call("demo.py", "--source", "in", "--out", "o", "--strict")
    assert_one_line_error(ending, "in/b.png: not an image")
    document = json.loads(Path("o/contours.json").read_text())
    assert [image["source"] for image in document["images"]] == ["a.png"]


@pytest.mark.usefixtures("model")
def test_sub_folders_on_request(tmp_path: Path) -> None:
    two_good_ones(tmp_path / "in")
    (tmp_path / "in/sub").mkdir()
    write_picture(tmp_path / "in/sub/a.png")
    (tmp_path / "in/b.png").unlink()
    assert call("demo.py", "--source", "in", "--out", "o").status == 0
    assert len(json.loads(Path("o/contours.json").read_text())["images"]) == 2
    assert call("demo.py", "--source", "in", "--out", "o", "--recursive").status == 0
    document = json.loads(Path("o/contours.json").read_text())
    assert [image["source"] for image in document["images"]] == ["a.png", "c.png", "sub/a.png"]
    assert len(list(Path("o").glob("*.png"))) == 3


@pytest.mark.usefixtures("model")
def test_overlays_are_not_written_where_the_next_run_would_read_them(tmp_path: Path) -> None:
    two_good_ones(tmp_path / "in")
    ending = call("demo.py", "--source", "in", "--out", "in/o", "--recursive")
    assert_one_line_error(ending, "in/o: holds the images to segment", "--out")
    assert not Path("in/o").exists()


@pytest.mark.usefixtures("model")
def test_a_damaged_film_is_kept_as_far_as_it_goes_and_said(tmp_path: Path) -> None:
    data = write_film(tmp_path / "film.avi", 30).read_bytes()
    (tmp_path / "film.avi").write_bytes(data[: len(data) // 2])
    ending = call("demo.py", "--source", "film.avi", "--out", "o")
    assert_one_line_error(ending, "film.avi: damaged: 1 frame")
    assert "film.avi: ended at frame" in ending.out
    lines = Path("o/contours.jsonl").read_text().splitlines()
    assert 3 <= len(lines) < 30 and look_at(Path("o"), 0, 0).faults == []


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_it_with_everything_whole(
    number: signal.Signals, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of the eighth frame; the seven before it are written. A second signal would
    end the process where it stands."""
    handlers = []

    class Stopping(StandIn):
        def predict(self, image: np.ndarray, **asked: Any) -> Contours:
            if len(self.asked) == 7:
                try:
                    os.kill(os.getpid(), number)
                    time.sleep(5)
                finally:
                    handlers.extend(map(signal.getsignal, (signal.SIGINT, signal.SIGTERM)))
            return super().predict(image, **asked)

    use_stand_in(monkeypatch, Stopping())
    before = [*map(signal.getsignal, (signal.SIGINT, signal.SIGTERM))]
    ending = call("demo.py", "--source", write_film(tmp_path / "film.avi", 30), "--out", "o")
    assert ending.status == status and "Traceback" not in ending.err
    left = look_at(Path("o"), ending.status, status)
    assert (left.lines, left.pictures, left.faults) == (7, 7, [])
    assert "7 instances in 7 images" in ending.out
    assert handlers == [signal.SIG_DFL, signal.SIG_DFL]
    assert [*map(signal.getsignal, (signal.SIGINT, signal.SIGTERM))] == before


def test_a_signal_during_images_leaves_their_contours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopping(StandIn):
        def predict(self, image: np.ndarray, **asked: Any) -> Contours:
            if len(self.asked) == 2:
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(5)
            return super().predict(image, **asked)

    use_stand_in(monkeypatch, Stopping())
    (tmp_path / "in").mkdir()
    for name in "abcd":
        write_picture(tmp_path / f"in/{name}.png")
    assert call("demo.py", "--source", "in", "--out", "o").status == 143
    document = json.loads(Path("o/contours.json").read_text())
    names = {f"{Path(image['source']).stem}_overlay.png" for image in document["images"]}
    assert names == {path.name for path in Path("o").glob("*.png")} == {
        "a_overlay.png", "b_overlay.png",
    }  # fmt: skip


def test_a_killed_process_leaves_whole_files(weights: Path, tmp_path: Path) -> None:
    """SIGKILL, in a process of its own; the study does it again and again."""
    film = write_film(tmp_path / "film.avi", 3000)
    left = stop_one(
        ["--weights", str(weights), "--source", str(film), "--device", "cpu"],
        tmp_path / "o", number=signal.SIGKILL, lines=5, delay_s=0.1,
    )  # fmt: skip
    assert left.faults == [] and 5 <= left.lines < 3000


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (("--patience", "-1"), "patience must be"),
        (("--patience", "nan"), "patience must be"),
        (("--policy", "newst"), "did you mean 'newest'"),
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


@pytest.mark.usefixtures("model")
def test_a_live_stream_that_is_lost_ends_with_a_line_and_what_came_is_kept() -> None:
    def five(connection: int) -> Iterator[bytes | float | None]:
        yield from ([jpeg(numbered(number)) for number in range(5)] if connection == 0 else [])

    with mjpeg_server(lambda n: paced(five(n), 10.0)) as url:
        ending = call("demo.py", "--source", url, "--out", "o", "--patience", 0)
    assert_one_line_error(ending, url, "lost after", "--patience")
    left = look_at(Path("o"), 1, 1)
    assert left.faults == [] and left.lines >= 2
    times = [
        json.loads(line)["time_s"] for line in Path("o/contours.jsonl").read_text().splitlines()
    ]
    assert 0.1 < times[-1] - times[0] < 5
