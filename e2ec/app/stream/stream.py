"""Frames of a source with their contours, one after the other: `e2ec.stream`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Literal, get_args

from e2ec.app.stream.controls import Controls, Settings
from e2ec.app.stream.frame import Frame
from e2ec.app.stream.pipeline import AHEAD, read_ahead, read_newest
from e2ec.app.stream.report import Report
from e2ec.app.stream.sources.open import PATIENCE_S, open_source
from e2ec.app.stream.sources.source import Source
from e2ec.engine.predict.predictor import Predictor, load_model
from e2ec.results.contours import Contours
from e2ec.results.default_score import DEFAULT_SCORE

Policy = Literal["auto", "all", "newest"]
Tracker = Callable[[float, Contours], Contours]
"""Gives the contours of a frame, seen at a time in seconds, the ids of their tracks."""

_PAUSE_S = 0.1


class Stream:
    """Iterating gives `(Frame, Contours)`; the frames are read by a thread of their own.

    A context manager: leaving it ends the threads and closes the source.

    Attributes:
        source: where the frames come from.
        report: what happened to them so far.
        controls: change stage, score and pause while it runs.
    """

    def __init__(
        self,
        source: Source,
        model: Predictor,
        *,
        track: Tracker | None = None,
        policy: Policy = "auto",
        controls: Controls | None = None,
        limit: int | None = None,
        strict: bool = False,
    ) -> None:
        """As `stream` has it; a source is read once.

        Raises:
            ValueError: there is no such policy.
        """
        if policy not in get_args(Policy):
            raise ValueError(f"policy must be one of {', '.join(get_args(Policy))}, not {policy!r}")
        self.source = source
        self.report = source.report = Report(strict=strict)
        self.controls = Controls(stages=tuple(model.stages)) if controls is None else controls
        self.takes_newest = policy == "newest" or (policy == "auto" and source.is_live)
        self._model = model
        self._track = track
        self._limit = limit
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
        """End the threads and close the source. To be called by the thread that iterates."""
        self.source.close()
        self._results.close()

    def _run(self):  # type: ignore[no-untyped-def]
        frames = self._frames()
        with closing(frames):
            for frame in frames:
                while not self.controls.may_go_on(_PAUSE_S):
                    pass
                yield frame, self._process(frame)
                if self.report.frames == self._limit:
                    return
