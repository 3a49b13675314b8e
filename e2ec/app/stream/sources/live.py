"""Live sources: whatever delivers frames as they come, and is opened again when it fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np

from e2ec.app.stream.frame import Frame
from e2ec.app.stream.report import Report
from lib.errors import InputError
from lib.image_limits import ImageTooLarge, check_image_size

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 10.0
"""Before a source is opened again; every failure doubles the pause."""


BROKEN_S = 5.0
"""A source that sends nothing but broken frames for so long is lost, whatever the patience."""


class BrokenFrame(Exception):
    """One frame cannot be used; the next one may be."""


class Lost(Exception):
    """The source delivers nothing more; the message says why."""


class Capture(Protocol):
    """An open camera, stream or screen."""

    @property
    def fps(self) -> float | None:
        """Frames a second where it is known."""
        ...

    def read(self) -> tuple[np.ndarray, float]:
        """The next frame, (H, W, 3) uint8 RGB, and when it came, by `time.monotonic()`.

        Raises:
            BrokenFrame: this one is damaged.
            Lost: there is nothing more.
        """
        ...

    def close(self) -> None: ...


class LiveSource:
    """Frames as they come. A source that stalls, ends or fails is opened again.

    The pauses in between grow. A source that gives no frame for `patience_s` seconds after it was
    found lost is given up: that is reported, and iterating ends.
    """

    is_stream = is_live = True
    length = None

    def __init__(
        self,
        open_capture: Callable[[], Capture],
        *,
        name: str,
        patience_s: float,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        """Open it, so that mistakes show early.

        Args:
            open_capture: opens it; raises Lost where that fails.
            name: of its frames.
            patience_s: how long to try.
            clock: seconds; another one in tests.
            pause: waits so many seconds; None waits until `close` at most.

        Raises:
            InputError: it cannot be opened.
        """
        self.name = name
        self.report = Report(strict=True)
        self._open = open_capture
        self._patience_s = patience_s
        self._clock = clock
        self._closed = threading.Event()
        self._pause = self._closed.wait if pause is None else pause
        try:
            self._capture: Capture | None = open_capture()
        except Lost as error:
            raise InputError(f"{name}: {error}") from error
        self._fps = self._capture.fps
        self._last = 0.0

    @property
    def fps(self) -> float | None:
        return self._fps

    def close(self) -> None:
        self._closed.set()

    def __iter__(self) -> Iterator[Frame]:
        start: float | None = None
        index = 0
        pause_s = FIRST_PAUSE_S
        lost: float | None = None
        self._last = self._clock()
        while not self._closed.is_set():
            try:
                for image, captured in self._images():
                    start = captured if start is None else start
                    yield Frame(self.name, index, captured - start, image, captured)
                    index += 1
                    self._last, pause_s, lost = self._clock(), FIRST_PAUSE_S, None
            except Lost as error:
                lost = self._clock() if lost is None else lost
                if self._clock() + pause_s - lost > self._patience_s:
                    self.report.fault(
                        f"{self.name}: lost after {index} frames ({error}) and not back within "
                        f"{self._patience_s:g} s; --patience says how long to try"
                    )
                    return
                self.report.say(f"{self.name}: {error}; trying again")
            self._pause(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _images(self) -> Iterator[tuple[np.ndarray, float]]:
        """Good frames of the source, opened once, and when they came."""
        capture, self._capture = self._capture, None
        if capture is None:
            capture = self._open()
            self.report.reopened += 1
            self.report.say(f"{self.name}: is back")
        try:
            while not self._closed.is_set():
                try:
                    image, captured = capture.read()
                    check_image_size(*image.shape[:2], name="it")
                except (BrokenFrame, ImageTooLarge) as error:
                    self.report.skip(f"{self.name}: a frame was passed over: {error}")
                    if self._clock() - self._last > max(self._patience_s, BROKEN_S):
                        raise Lost("nothing but broken frames") from error
                    continue
                yield image, captured
        finally:
            capture.close()
