"""The screen, through mss, which comes with the extra `screen`."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from e2ec.app.stream.sources.live import LiveSource, Lost
from lib.errors import InputError

FPS = 30.0
"""The screen is looked at so often in a second at most."""


def screen_source(number: int, *, patience_s: float) -> LiveSource:
    """A monitor, counted from 1; 0 is all of them together.

    Raises:
        InputError: mss is missing, there is no display, or no such monitor.
    """
    try:
        import mss
    except ImportError as error:
        raise InputError(
            "the screen needs the package mss; install it with: pip install -e '.[screen]'"
        ) from error
    return LiveSource(
        lambda: ScreenCapture(mss, number), name=f"screen-{number}", patience_s=patience_s
    )


class ScreenCapture:
    """An open monitor."""

    fps = FPS

    def __init__(self, mss: Any, number: int) -> None:
        self._number = number
        try:
            self._screen = mss.MSS()
            monitors = self._screen.monitors
        except Exception as error:  # of a class of its own on every system
            raise Lost(f"cannot be opened ({error}); is there a display?") from error
        if number >= len(monitors):
            self._screen.close()
            raise Lost(f"there are {len(monitors) - 1} monitors, counted from 1")
        self._next = time.monotonic()

    def read(self) -> tuple[np.ndarray, float]:
        time.sleep(max(0.0, self._next - time.monotonic()))
        now = time.monotonic()
        self._next = max(self._next + 1.0 / FPS, now)
        try:
            shot = self._screen.grab(self._screen.monitors[self._number])
        except Exception as error:
            raise Lost(f"cannot be read ({error})") from error
        return np.frombuffer(shot.rgb, np.uint8).reshape(shot.height, shot.width, 3), now

    def close(self) -> None:
        self._screen.close()
