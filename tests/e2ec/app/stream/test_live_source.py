"""Live sources are opened again with growing pauses, told by a clock that the test moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from e2ec.app.stream.report import Report
from e2ec.app.stream.sources.live import BrokenFrame, LiveSource, Lost
from lib.errors import InputError


class World:
    """A clock, and a camera that does what is written down: a size (frame), or an exception."""

    def __init__(self, *openings: list[object] | Exception) -> None:
        self.now = 100.0
        self.pauses: list[float] = []
        self.openings: Iterator[list[object] | Exception] = iter(openings)
        self.closed = 0

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def open(self) -> Camera:
        opening = next(self.openings, Lost("gone"))
        if isinstance(opening, Exception):
            raise opening
        return Camera(self, opening)

    def source(self, patience_s: float = 60.0) -> LiveSource:
        source = LiveSource(
            self.open, name="cam", patience_s=patience_s, clock=lambda: self.now, pause=self.pause
        )
        source.report = Report()
        return source


class Camera:
    fps = 30.0

    def __init__(self, world: World, script: list[object]) -> None:
        self.world, self.script = world, iter(script)

    def read(self) -> tuple[np.ndarray, float]:
        what = next(self.script, Lost("no more"))
        self.world.now += 1.0
        if isinstance(what, Exception):
            raise what
        assert isinstance(what, int)
        return np.zeros((what, 4, 3), np.uint8), self.world.now

    def close(self) -> None:
        self.world.closed += 1


def test_output_goes_on_after_a_loss_and_times_are_those_of_capture() -> None:
    world = World([4, 4], Lost("refused"), [6, 4])
    source = world.source(patience_s=3.0)
    frames = list(source)
    assert [(f.index, f.time_s, f.image.shape[0]) for f in frames] == [
        (0, 0.0, 4), (1, 1.0, 4),
        # Lost for a second, pauses of 0.5 and 1 second, and a second for the frame.
        (2, 4.5, 6), (3, 5.5, 4),
    ]  # fmt: skip
    assert source.report.reopened == 1 and world.closed == 2
    assert "lost after 4 frames (gone) and not back within 3 s" in source.report.summary()


def test_pauses_grow_up_to_a_limit_and_start_again_after_a_frame() -> None:
    refused = [Lost("refused")] * 7
    world = World([4], *refused, [4], Lost("refused"), [4])
    list(world.source(patience_s=100.0))
    assert world.pauses[:11] == [0.5, 1, 2, 4, 8, 10, 10, 10, 0.5, 1.0, 0.5]


def test_it_is_given_up_when_patience_is_at_its_end() -> None:
    world = World([4])
    source = world.source(patience_s=20.0)
    assert len(list(source)) == 1
    assert sum(world.pauses) <= 20.0
    assert world.pauses == [0.5, 1, 2, 4, 8]
    strict = World([4]).source(patience_s=0)
    strict.report = Report(strict=True)
    with pytest.raises(InputError, match="cam: lost after 1 frames"):
        list(strict)


def test_broken_frames_are_passed_over_and_counted() -> None:
    world = World([4, BrokenFrame("cut short"), 4])
    source = world.source(patience_s=0)
    assert [f.index for f in source] == [0, 1]
    assert source.report.skipped == 1
    assert "cut short" in source.report.broken[0]


def test_nothing_but_broken_frames_is_a_loss() -> None:
    world = World([BrokenFrame("cut short")] * 1000)
    source = world.source(patience_s=10.0)
    assert list(source) == []
    assert source.report.skipped <= 12


def test_frames_beyond_the_limit_are_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("E2EC_MAX_IMAGE_BYTES", "100")
    source = World([4, 400, 4]).source(patience_s=0)
    assert [f.image.shape[0] for f in source] == [4, 4]
    assert source.report.skipped == 1


def test_a_camera_that_is_not_there_is_an_error_at_once() -> None:
    with pytest.raises(InputError, match="cam: refused"):
        World(Lost("refused")).source()


@pytest.mark.parametrize("when", ["reading", "pausing"])
def test_closing_ends_it(when: str) -> None:
    world = World([4] * 1000 if when == "reading" else [4])
    source = world.source()
    close: Callable[[], None] = source.close
    frames = iter(source)
    next(frames)
    close()
    assert list(frames) == []
    assert world.closed == 1 and source.report.fine
