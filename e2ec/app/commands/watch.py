"""Who looks at the demonstration while it runs: a window, a web page, both, or nobody."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from e2ec.app.stream.controls import Controls
from e2ec.app.stream.viewer import Viewer
from e2ec.app.stream.window.possible import why_no_window
from e2ec.app.stream.window.window import Window
from e2ec.app.web.address import parse_address
from e2ec.app.web.live import LiveView
from e2ec.app.web.serve import web_server
from e2ec.engine.predict.predictor import Predictor

T = TypeVar("T")


@dataclass(frozen=True)
class Watchers:
    """Viewers of a stream, and the way to run it beside them.

    Attributes:
        viewers: to be given to the stream.
        run: calls a function, while the viewers live, and gives what it returns.
    """

    viewers: Sequence[Viewer]
    run: Callable[[Callable[[], T]], T]


def wants_window(show: bool | None, *, is_stream: bool) -> bool:
    """Whether a window is wanted: as was said, else for what moves where there is a display."""
    if show is not None:
        return show
    return is_stream and (not sys.platform.startswith("linux") or bool(os.environ.get("DISPLAY")))


@contextmanager
def watch(
    model: Predictor,
    controls: Controls,
    *,
    window: bool,
    stays: bool,
    web: str | None,
    folder: Path,
    say: Callable[[str], object],
) -> Iterator[Watchers]:
    """Open what somebody looks at.

    Where no window can be opened a line says why, and the work goes on without.

    Args:
        model: answers what the page asks for besides the stream.
        controls: what keys and page change.
        window: open one.
        stays: the window stays when the work has ended, until a key closes it.
        web: address of a page (`web.address.parse_address`); None opens none. The page stays when
            the work has ended, until Ctrl-C.
        folder: where the window saves frames.
        say: told what happens.

    Raises:
        InputError: the page cannot be served.
    """
    viewers: list[Viewer] = []
    run: Callable[[Callable[[], T]], T] = _call
    reason = why_no_window() if window else None
    if reason is not None:
        say(f"no window: {reason}; --web shows the stream in a browser")
    elif window:
        shown = Window(controls, folder, say=say, stays=stays)
        viewers.append(shown)
        run = shown.run
    if web is None:
        yield Watchers(viewers, run)
        return
    host, port = parse_address(web)
    live = LiveView()
    with web_server(model, host=host, port=port, live=live, controls=controls) as server:
        say(f"open {server.address}")
        yield Watchers([*viewers, live], run)
        say(f"the source has ended; {server.address} stays open until Ctrl-C")
        server.wait()


def _call(work: Callable[[], T]) -> T:
    return work()
