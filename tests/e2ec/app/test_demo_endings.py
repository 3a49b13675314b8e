"""What demo.py leaves where something is broken, lost, or stopped on the way."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from front_doors import assert_one_line_error, call, write_picture
from stand_in_demo import use_stand_in, write_film

from e2ec.bench.studies.killed_demo import look_at, stop_one
from e2ec.bench.studies.live_server import jpeg, mjpeg_server, numbered, paced
from e2ec.bench.studies.stand_in import StandIn
from e2ec.results.contours import Contours

pytestmark = pytest.mark.usefixtures("elsewhere")


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
    assert_one_line_error(ending, "film.avi: damaged: ")
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
