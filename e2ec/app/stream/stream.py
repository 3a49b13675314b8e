"""Frames of a source with their contours, one after the other: `e2ec.stream`."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from types import TracebackType
from typing import Literal, get_args

from e2ec.app.stream.controls import Controls, Settings
from e2ec.app.stream.frame import Frame
from e2ec.app.stream.pipeline import Reading
from e2ec.app.stream.report import Report
from e2ec.app.stream.sources.open import PATIENCE_S, open_source
from e2ec.app.stream.sources.source import Source
from e2ec.app.tracks.settings import TrackSettings
from e2ec.app.tracks.tracker import Tracker, make_tracker
from e2ec.engine.predict.predictor import Predictor, load_model
from e2ec.results.contours import Contours
from e2ec.results.default_score import DEFAULT_SCORE

Policy = Literal["auto", "all", "newest"]

_MOMENT_S = 0.1
"""How long a stream waits before it looks whether it is to end."""


class Stream:
    """Iterating gives `(Frame, Contours)`; the frames are read by a thread of their own.

    A context manager: leaving it ends that thread and closes the source.

    Attributes:
        source: where the frames come from; it is read once.
        model: finds the contours.
        report: what happened to the frames so far.
        controls: stage, score and pause; to be changed while it runs.
        takes_newest: whether frames that the network has no time for are dropped.
    """

    def __init__(
        self,
        source: Source,
        model: Predictor,
        *,
        track: Tracker | TrackSettings | None = None,
        policy: Policy = "auto",
        controls: Controls | None = None,
        limit: int | None = None,
        strict: bool = False,
        ended: Callable[[], bool] = lambda: False,
        before: Callable[[Frame], object] = lambda frame: None,
    ) -> None:
        """As `stream` has it.

        Args:
            ended: asked all the time: whether the stream is to end.
            before: called with every frame that is to be processed.

        Raises:
            InputError: what tracks need is not installed.
            ValueError: there is no such policy.
        """
        if policy not in get_args(Policy):
            raise ValueError(f"policy must be one of {', '.join(get_args(Policy))}, not {policy!r}")
        self.source = source
        self.model = model
        self.report = source.report = Report(strict=strict)
        self.controls = Controls(stages=tuple(model.stages)) if controls is None else controls
        self.takes_newest = policy == "newest" or (policy == "auto" and source.is_live)
        if isinstance(track, TrackSettings):
            track = make_tracker(track, frame_rate=source.fps)
        self._track = track
        self._limit = limit
        self._ended = ended
        self._before = before
        self._results = self._run()

    def __iter__(self) -> Iterator[tuple[Frame, Contours]]:
        return self._results

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the thread and close the source; for the thread that iterates."""
        self.source.close()
        self._results.close()

    def _run(self) -> Generator[tuple[Frame, Contours], None, None]:
        # A file is not read further than is asked for; of a live source all comes anyway.
        limit = None if self.takes_newest else self._limit
        reading = Reading(itertools.islice(self.source, limit), newest=self.takes_newest)
        try:
            while self.report.frames != self._limit and (frame := self._next(reading)) is not None:
                contours = self._process(frame)
                self.report.frames += 1
                self.report.instances += len(contours)
                yield frame, contours
        finally:
            self.source.close()
            reading.close()
            self.report.dropped = reading.dropped

    def _next(self, reading: Reading[Frame]) -> Frame | None:
        """The next frame to process; None where the stream ends."""
        while not self._ended():
            if not self.controls.may_go_on(_MOMENT_S):
                continue
            while not (self._ended() or reading.ended):
                frame = reading.get(_MOMENT_S)
                self.report.dropped = reading.dropped
                if frame is not None:
                    return frame
            return None
        return None

    def _process(self, frame: Frame) -> Contours:
        self._before(frame)
        settings = self.controls.settings
        contours = self.model.predict(
            frame.image, score_threshold=settings.score, stage=settings.stage, source=frame.name
        )
        return contours if self._track is None else self._track(frame.time_s, contours)


def stream(
    source: str | int | Path | Source,
    model: Predictor | None = None,
    *,
    score: float = DEFAULT_SCORE,
    stage: str | None = None,
    track: Tracker | TrackSettings | bool | None = None,
    policy: Policy = "auto",
    patience_s: float = PATIENCE_S,
    strict: bool = False,
    controls: Controls | None = None,
    limit: int | None = None,
) -> Stream:
    """The frames of a source with their contours, for a loop of one's own.

        with e2ec.stream("rtsp://camera/1") as frames:
            for frame, contours in frames:
                print(frame.time_s, contours)

    Reading goes on in a thread of its own while the loop works.

    Args:
        source: as `demo.py --source` takes it (`sources.open.open_source`), or an open source.
        model: finds the contours; None loads the bundled one.
        score: instances with a lower score are left out.
        stage: which contour; None takes the model's own.
        track: True follows objects from frame to frame, settings say how; or a function that is
            called with the time of each frame in seconds and its contours, and returns them with
            the ids of their tracks.
        policy: "all" processes every frame in order; "newest" takes the newest one, and those in
            between are dropped and counted; "auto" takes the newest of live sources, all of others.
        patience_s: how long a live source that is lost is tried again, in seconds.
        strict: raise InputError at what cannot be read; otherwise it is passed over and reported.
        controls: shared with whoever changes settings on the way; `score` and `stage` are theirs
            then.
        limit: stop after this many frames.

    Returns:
        An iterable of `(Frame, Contours)`, read once, with a `report`. To be closed, or used in a
        `with`, where the loop may end before the source does.

    Raises:
        InputError: the source or the model cannot be opened; while iterating also: the model lacks
            the stage, or not one frame can be read.
        ValueError: there is no such policy, or the score lies outside of [0, 1].
    """
    model = load_model() if model is None else model
    opened = (
        open_source(str(source), patience_s=patience_s)
        if isinstance(source, (str, int, Path))
        else source
    )
    if controls is None:
        controls = Controls(Settings(score=score, stage=stage), stages=tuple(model.stages))
    if isinstance(track, bool):
        track = TrackSettings() if track else None
    return Stream(
        opened, model, track=track, policy=policy, controls=controls, limit=limit, strict=strict
    )
