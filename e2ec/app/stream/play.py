"""A stream played to its end: drawn, shown to whoever looks, and written, a thread each."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

import numpy as np

from e2ec.app.stream.draw import draw_frame
from e2ec.app.stream.frame import Frame
from e2ec.app.stream.outputs.results import Results
from e2ec.app.stream.pipeline import AHEAD, write_behind
from e2ec.app.stream.rates import Rates
from e2ec.app.stream.stream import Stream
from e2ec.app.stream.viewer import Shown, Viewer
from e2ec.results.contours import Contours

WAITING = 8
"""So many results of a live source wait for a slow disk; more are not written, and counted."""


def play(
    stream: Stream,
    results: Results,
    *,
    viewers: Sequence[Viewer] = (),
    progress: Callable[[Rates], object] = lambda rates: None,
) -> None:
    """Process, draw, show and write every frame of a stream, and close the results.

    Where the newest frames are taken, neither drawing nor writing is waited for longer than for one
    frame: a slow disk loses results, which the stream's report counts as `unwritten`.

    Args:
        stream: is closed at the end.
        results: are closed at the end.
        viewers: are shown every result; closed at the end.
        progress: called after every frame that was drawn, by another thread.

    Raises:
        InputError: a result cannot be written, or the source is unusable.
    """
    live, rates = stream.takes_newest, Rates()
    with ExitStack() as stack:
        for close in (results.close, *(viewer.close for viewer in viewers), stream.close):
            stack.callback(close)
        write = stack.enter_context(
            write_behind(_write_to(results), WAITING if live else AHEAD, may_drop=live)
        )

        def draw(found: tuple[Frame, Contours]) -> None:
            frame, contours = found
            picture = draw_frame(frame, contours, stream.controls.settings)
            rates.add(captured=frame.captured, now=time.monotonic())
            shown = Shown(frame, contours, picture, rates.fps, rates.latency_s)
            for viewer in viewers:
                viewer.show(shown)
            stream.report.unwritten += not write((frame, contours, picture))
            progress(rates)

        with write_behind(draw, 1 if live else AHEAD) as pass_on:
            for found in stream:
                pass_on(found)


def _write_to(results: Results) -> Callable[[tuple[Frame, Contours, np.ndarray]], None]:
    return lambda result: results.write(*result)
