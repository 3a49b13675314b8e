"""`e2ec.stream`: policies, limits, pause, tracks, and the end of its thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import e2ec
from e2ec.app.stream.controls import Controls, Settings
from e2ec.app.stream.frame import Frame
from e2ec.app.stream.report import MESSAGES, Report
from e2ec.app.tracks.settings import TrackSettings
from e2ec.bench.studies.stand_in import StandIn
from e2ec.results.contours import Contours
from lib.errors import InputError
from lib.images import write_image


class Source:
    """Frames that the test lets out; live ones come all at once."""

    is_stream = True
    length = fps = None
    name = "source"

    def __init__(self, count: int, *, is_live: bool = False) -> None:
        self.count, self.is_live = count, is_live
        self.report = Report(strict=True)
        self.read = 0
        self.all_read = threading.Event()
        self.closed = False

    def __iter__(self) -> Iterator[Frame]:
        for index in range(self.count):
            self.read += 1
            yield Frame("source", index, index / 10, np.zeros((16, 16, 3), np.uint8))
        self.all_read.set()

    def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


@pytest.mark.parametrize("is_live", [False, True])
@pytest.mark.parametrize("policy", ["auto", "all", "newest"])
def test_files_lose_nothing_and_live_sources_give_the_newest(policy: str, is_live: bool) -> None:
    source = Source(20, is_live=is_live)
    with e2ec.stream(source, StandIn(), policy=policy) as frames:  # type: ignore[arg-type]
        if policy == "newest" or (policy == "auto" and is_live):
            numbers = []
            for frame, _ in frames:
                numbers.append(frame.index)
                assert source.all_read.wait(5)
            # The first is whichever was there; while it was worked on, the last one came.
            assert numbers[-1] == 19 and len(numbers) <= 2
            assert frames.report.dropped == 20 - len(numbers)
        else:
            assert [frame.index for frame, _ in frames] == list(range(20))
            assert frames.report.dropped == 0
        assert frames.report.instances == frames.report.frames


def test_the_limit_of_a_file_is_not_read_beyond() -> None:
    source = Source(100)
    with e2ec.stream(source, StandIn(), limit=3) as frames:  # type: ignore[arg-type]
        assert len(list(frames)) == 3
    assert source.read == 3 and source.closed


def test_leaving_early_ends_the_thread() -> None:
    source = Source(1000)
    with e2ec.stream(source, StandIn()) as frames:  # type: ignore[arg-type]
        for frame, _ in frames:
            if frame.index == 5:
                break
    assert source.closed and source.read < 20


def test_score_and_stage_reach_the_model_and_may_change() -> None:
    model = StandIn()
    with e2ec.stream(Source(2), model, score=0.6, stage="init") as frames:  # type: ignore[arg-type]
        for _, contours in frames:
            assert contours.source == "source"
            frames.controls.change(score=0.9, stage="coarse")
    assert model.asked == [
        {"score_threshold": 0.6, "stage": "init", "source": "source"},
        {"score_threshold": 0.9, "stage": "coarse", "source": "source"},
    ]
    with pytest.raises(ValueError, match="score"):
        e2ec.stream(Source(1), model, score=2.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="policy"):
        e2ec.stream(Source(1), model, policy="some")  # type: ignore[arg-type]


def test_tracks_are_asked_with_time_and_contours_in_order() -> None:
    asked: list[float] = []

    def track(time_s: float, contours: Contours) -> Contours:
        asked.append(time_s)
        return contours[:0]

    with e2ec.stream(Source(3), StandIn(), track=track) as frames:  # type: ignore[arg-type]
        assert [len(contours) for _, contours in frames] == [0, 0, 0]
    assert asked == [0.0, 0.1, 0.2]


@pytest.mark.parametrize(
    ("track", "tracked"), [(True, True), (TrackSettings(), True), (False, False)]
)
def test_tracks_are_made_on_request(track: bool | TrackSettings, tracked: bool) -> None:
    pytest.importorskip("trackers")
    with e2ec.stream(Source(3), StandIn(), track=track) as frames:  # type: ignore[arg-type]
        assert [contours.track_ids is not None for _, contours in frames] == [tracked] * 3


def test_messages_of_a_long_stream_are_limited() -> None:
    """A camera with a loose cable may give a million broken frames."""
    said: list[str] = []
    report = Report(say=said.append)
    for number in range(5 * MESSAGES):
        report.skip(f"frame {number} is broken")
    assert report.skipped == 5 * MESSAGES
    assert said[MESSAGES - 1] == f"frame {MESSAGES - 1} is broken"
    assert len(said) == MESSAGES + 1 and "not said" in said[-1]
    assert report.summary().startswith(f"{5 * MESSAGES} skipped; frame 0 is broken")


def test_the_model_is_there_before_the_source_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a camera sends while a model loads would be old."""
    order: list[str] = []
    stream_module = "e2ec.app.stream.stream"
    monkeypatch.setattr(f"{stream_module}.load_model", lambda: order.append("model") or StandIn())
    monkeypatch.setattr(
        f"{stream_module}.open_source", lambda *a, **k: order.append("source") or Source(1)
    )
    with e2ec.stream("camera") as frames:
        assert len(list(frames)) == 1
    assert order == ["model", "source"]


def test_a_pause_holds_frames_back_and_a_step_lets_one_through() -> None:
    controls = Controls(Settings(paused=True))
    seen: list[int] = []
    two = threading.Event()

    def watch() -> None:
        with e2ec.stream(Source(5), StandIn(), controls=controls) as frames:  # type: ignore[arg-type]
            for frame, _ in frames:
                seen.append(frame.index)
                two.set()

    thread = threading.Thread(target=watch)
    thread.start()
    assert not two.wait(0.3) and seen == []
    controls.step()
    assert two.wait(5) and seen == [0]
    controls.change(paused=False)
    thread.join(5)
    assert seen == [0, 1, 2, 3, 4]


def test_an_error_of_the_source_comes_after_its_frames(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", np.zeros((16, 16, 3), np.uint8))
    (tmp_path / "b.png").write_bytes(b"not an image")
    write_image(tmp_path / "c.png", np.zeros((16, 16, 3), np.uint8))
    model = StandIn()
    with e2ec.stream(tmp_path, model) as frames:  # type: ignore[arg-type]
        assert [frame.name for frame, _ in frames] == ["a.png", "c.png"]
        assert "b.png" in frames.report.summary()
    seen = []
    with (
        pytest.raises(InputError, match=r"b\.png"),
        e2ec.stream(tmp_path, model, strict=True) as frames,  # type: ignore[arg-type]
    ):
        for frame, _ in frames:
            seen.append(frame.name)
    assert seen == ["a.png"]


def test_the_bundled_model_is_the_default(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", np.zeros((32, 32, 3), np.uint8))
    with e2ec.stream(tmp_path / "a.png") as frames:
        ((frame, contours),) = frames
    assert (contours.height, contours.width) == (32, 32)
    assert abs(time.monotonic() - frame.captured) < 60
