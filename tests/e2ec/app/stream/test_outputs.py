"""What a stream writes is whole at every moment."""

from __future__ import annotations

import contextlib
import json
import resource
import shutil
from pathlib import Path

import av
import av.error
import numpy as np
import pytest

from e2ec.app.stream.frame import Frame
from e2ec.app.stream.outputs.line_file import LineFile
from e2ec.app.stream.outputs.overlay_video import OverlayVideo
from e2ec.app.stream.outputs.results import ImageResults
from e2ec.bench.studies.live_server import number_of, numbered
from e2ec.bench.studies.stand_in import StandIn
from e2ec.results.formats.native import read_document
from lib.errors import InputError


def played(path: Path) -> list[tuple[int, float]]:
    """Number and time of every frame of a video."""
    found = []
    with av.open(str(path)) as container, contextlib.suppress(av.error.FFmpegError):
        for frame in container.decode(video=0):
            found.append((number_of(frame.to_ndarray(format="rgb24")), round(frame.time, 4)))
    return found


def test_a_video_plays_at_every_moment_of_its_writing(tmp_path: Path) -> None:
    """A copy of the file as it is on disk is what a killed process leaves."""
    video = OverlayVideo(tmp_path / "a.mp4", fps=10.0)
    times = [number / 10 + (2.5 if number > 12 else 0.0) for number in range(25)]
    for number, time_s in enumerate(times):
        video.write(numbered(number), time_s)
        shutil.copy(tmp_path / "a.mp4", tmp_path / "copy.mp4")
        if number >= 2:
            assert played(tmp_path / "copy.mp4") == list(enumerate(times))[:number]
    video.close()
    assert played(tmp_path / "a.mp4") == list(enumerate(times))


def test_a_torn_end_of_a_video_plays_up_to_it(tmp_path: Path) -> None:
    video = OverlayVideo(tmp_path / "a.mp4", fps=10.0)
    for number in range(20):
        video.write(numbered(number), number / 10)
    video.close()
    data = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "a.mp4").write_bytes(data[: len(data) * 3 // 4])
    numbers = [number for number, _ in played(tmp_path / "a.mp4")]
    assert numbers[:10] == list(range(10)) and len(numbers) < 20


def test_times_always_grow_and_sizes_may_change(tmp_path: Path) -> None:
    """The size is that of the first frame, made even; others are fitted into it."""
    video = OverlayVideo(tmp_path / "a.mp4", fps=None)
    for shape, time_s in (((95, 511), 0.0), ((95, 511), 0.0), ((190, 400), 0.5), ((50, 900), 0.4)):
        video.write(np.full((*shape, 3), 200, np.uint8), time_s)
    video.close()
    with av.open(str(tmp_path / "a.mp4")) as container:
        frames = [(frame.time, frame.to_ndarray(format="rgb24")) for frame in container.decode()]
    times = [time_s for time_s, _ in frames]
    assert len(frames) == 4 and times == sorted(set(times))
    assert {picture.shape for _, picture in frames} == {(96, 512, 3)}
    assert frames[0][1].min() > 180
    for _, picture in frames[2:]:  # black beside it, and all of it there
        assert picture.min() < 30 and picture[48, 256].min() > 180


def test_no_frame_no_file(tmp_path: Path) -> None:
    OverlayVideo(tmp_path / "a.mp4", fps=10.0).close()
    assert not (tmp_path / "a.mp4").exists()


def test_a_line_is_there_as_soon_as_it_is_written(tmp_path: Path) -> None:
    lines = LineFile(tmp_path / "a.jsonl")
    for number in range(3):
        lines.write(f"{number}\n")
        text = (tmp_path / "a.jsonl").read_text()
        assert text.splitlines() == [str(n) for n in range(number + 1)] and text.endswith("\n")
    lines.close()


def test_a_full_disk_leaves_whole_lines(tmp_path: Path) -> None:
    lines = LineFile(tmp_path / "a.jsonl")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(InputError, match=r"a\.jsonl: cannot be written"):
            for number in range(100):
                lines.write(f"line {number:04}\n")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    lines.close()
    assert (tmp_path / "a.jsonl").read_text() == "".join(f"line {n:04}\n" for n in range(10))


def test_contours_of_images_are_on_disk_before_the_end(tmp_path: Path) -> None:
    """Brought up to date every second, and less often where that takes long."""
    now = [0.0]
    results = ImageResults(tmp_path, clock=lambda: now[0])
    picture = np.zeros((16, 16, 3), np.uint8)
    for number in range(10):
        now[0] += 0.4
        frame = Frame(f"{number}.png", number, 0.0, picture)
        results.write(frame, StandIn().predict(picture, source=frame.name), picture)
    document = json.loads((tmp_path / "contours.json").read_text())
    assert [one.source for one in read_document(document)] == [f"{n}.png" for n in range(9)]
    results.close()
    document = json.loads((tmp_path / "contours.json").read_text())
    assert len(read_document(document)) == 10
    assert len(list(tmp_path.glob("*_overlay.png"))) == 10


def test_images_of_one_name_keep_an_overlay_each(tmp_path: Path) -> None:
    results = ImageResults(tmp_path)
    picture = np.zeros((16, 16, 3), np.uint8)
    for number, name in enumerate(["a.png", "x/a.png", "y/a.png", "z/a.jpg", "a.jpg"]):
        frame = Frame(name, number, 0.0, picture)
        results.write(frame, StandIn().predict(picture, source=name), picture)
    results.close()
    assert len(list(tmp_path.glob("*_overlay.png"))) == 5
    ImageResults(tmp_path).close()


def test_a_document_lists_the_images_whose_overlays_could_be_written(tmp_path: Path) -> None:
    results = ImageResults(tmp_path)
    image = np.zeros((32, 32, 3), np.uint8)
    (tmp_path / "b_overlay.png").mkdir()  # no file can be written there
    results.write(Frame("a.png", 0, 0.0, image), StandIn().predict(image, source="a.png"), image)
    with pytest.raises((InputError, OSError)):
        results.write(
            Frame("b.png", 1, 0.0, image), StandIn().predict(image, source="b.png"), image
        )
    results.close()
    (only,) = read_document(json.loads((tmp_path / "contours.json").read_text()))
    assert only.source == "a.png"
