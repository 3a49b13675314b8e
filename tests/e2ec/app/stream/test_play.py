"""Drawing, viewers and the disk beside the network: none of them holds up a camera."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from e2ec.app.stream.controls import Controls, Settings
from e2ec.app.stream.draw import draw_frame
from e2ec.app.stream.frame import Frame
from e2ec.app.stream.play import WAITING, play
from e2ec.app.stream.rates import Rates
from e2ec.app.stream.report import Report
from e2ec.app.stream.stream import Stream
from e2ec.app.stream.viewer import Shown
from e2ec.bench.studies.stand_in import StandIn
from e2ec.results.contours import Contours
from lib.errors import InputError


class Camera:
    """Frames at the pace of the test: `more()` lets one out."""

    is_stream = is_live = True
    length = fps = None
    name = "camera"

    def __init__(self, count: int) -> None:
        self.report = Report(strict=True)
        self.count = count
        self.captured = 0
        self._permits = threading.Semaphore(0)

    def more(self) -> None:
        self._permits.release()

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self.count):
            self._permits.acquire()
            yield Frame("camera", index, index / 30, np.zeros((16, 16, 3), np.uint8))
            self.captured = index + 1

    def close(self) -> None:
        for _ in range(self.count):
            self._permits.release()


class Disk:
    """A disk that the test can stop, or fill."""

    path = Path("nowhere")

    def __init__(self) -> None:
        self.free = threading.Event()
        self.free.set()
        self.full = False
        self.written: list[int] = []
        self.closed = 0

    def write(self, frame: Frame, contours: Contours, picture: np.ndarray) -> None:
        self.free.wait()
        if self.full:
            raise InputError("the disk is full")
        self.written.append(frame.index)

    def close(self) -> None:
        self.closed += 1


class Watcher:
    """A viewer that remembers, and wakes the test."""

    def __init__(self) -> None:
        self.open = True
        self.shown: list[Shown] = []
        self.news = threading.Semaphore(0)
        self.closed = 0

    def show(self, shown: Shown) -> None:
        self.shown.append(shown)
        self.news.release()

    def close(self) -> None:
        self.closed += 1


def run(camera: Camera, disk: Disk, watcher: Watcher, policy: str = "auto") -> Stream:
    return Stream(
        camera,
        StandIn(),
        policy=policy,
        ended=lambda: not watcher.open,  # type: ignore[arg-type]
    )


def test_a_disk_that_stands_still_stops_neither_camera_nor_viewer() -> None:
    camera, disk, watcher = Camera(40), Disk(), Watcher()
    disk.free.clear()
    stream = run(camera, disk, watcher)
    player = threading.Thread(target=lambda: play(stream, disk, viewers=[watcher]))
    player.start()
    for index in range(40):
        camera.more()
        assert watcher.news.acquire(timeout=5)
        assert watcher.shown[-1].frame.index == index
    disk.free.set()
    player.join(5)
    # One was being written, so many waited; the others are counted.
    assert len(disk.written) == 40 - stream.report.unwritten
    assert WAITING <= len(disk.written) <= WAITING + 1
    assert disk.written == sorted(disk.written)
    assert disk.closed == watcher.closed == 1


def test_with_every_frame_wanted_a_slow_disk_is_waited_for() -> None:
    camera, disk, watcher = Camera(40), Disk(), Watcher()
    camera.close()  # all frames at once
    stream = run(camera, disk, watcher, "all")
    play(stream, disk, viewers=[watcher])
    assert disk.written == list(range(40)) and stream.report.unwritten == 0
    assert [shown.frame.index for shown in watcher.shown] == list(range(40))


def test_a_full_disk_ends_it_with_a_line() -> None:
    camera, disk, watcher = Camera(40), Disk(), Watcher()
    camera.close()
    disk.full = True
    with pytest.raises(InputError, match="full"):
        play(run(camera, disk, watcher, "all"), disk, viewers=[watcher])
    assert disk.closed == watcher.closed == 1


def test_whoever_quits_ends_the_stream_even_while_no_frame_comes() -> None:
    camera, disk, watcher = Camera(40), Disk(), Watcher()
    stream = run(camera, disk, watcher)
    player = threading.Thread(target=lambda: play(stream, disk, viewers=[watcher]))
    player.start()
    camera.more()
    assert watcher.news.acquire(timeout=5)
    watcher.open = False
    player.join(5)
    assert not player.is_alive() and disk.written == [0]


def test_viewers_get_the_picture_with_rate_and_latency() -> None:
    camera, disk, watcher = Camera(3), Disk(), Watcher()
    camera.close()
    seen: list[float] = []
    stream = run(camera, disk, watcher, "all")
    play(stream, disk, viewers=[watcher], progress=lambda rates: seen.append(rates.latency_s))
    last = watcher.shown[-1]
    assert last.fps > 0 and 0 < last.latency_s < 60 and len(seen) == 3
    assert (last.picture != last.frame.image).any() and len(last.contours) == 1


def test_rates_are_smoothed_over_about_a_second() -> None:
    rates = Rates()
    for number in range(100):
        rates.add(captured=number / 10 - 0.2, now=number / 10)
    assert rates.fps == pytest.approx(10) and rates.latency_s == pytest.approx(0.2)
    rates.add(captured=9.9, now=10.9)  # one second without a frame: two thirds of the way
    assert 1.4 < rates.fps < 1.6 and 0.6 < rates.latency_s < 0.8


def test_the_picture_follows_the_settings() -> None:
    image = np.zeros((32, 32, 3), np.uint8)
    frame = Frame("a", 0, 0.0, image)
    found = StandIn().predict(image)
    base = Settings(labels=False)
    pictures = [
        draw_frame(frame, found, settings)
        for settings in (
            base, Settings(labels=False, fill=0.0), Settings(labels=False, vertices=True),
        )
    ]  # fmt: skip
    assert pictures[0][7, 7].any() and not pictures[1][7, 7].any()
    assert pictures[2][2, 2].tolist() == [255, 255, 255] != pictures[0][2, 2].tolist()
    assert not image.any()
    assert Controls(base).settings == base
