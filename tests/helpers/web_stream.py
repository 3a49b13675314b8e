"""A stream of generated frames beside a web server: a bright square that walks to the right."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from web_model import bright, picture

from e2ec.app.stream.controls import Controls
from e2ec.app.stream.frame import Frame
from e2ec.app.stream.viewer import Shown
from e2ec.app.web.live import LiveView
from e2ec.results.draw.visualize import draw_contours

STEP = 4
RATE = 20.0


@contextmanager
def walking_square(live: LiveView, controls: Controls) -> Iterator[None]:
    """Show 20 frames a second until the block ends, or nobody looks any more."""
    end = threading.Event()

    def work() -> None:
        index = 0
        while live.open and not end.is_set():
            if controls.may_go_on(0.05):
                image = np.roll(picture(320, 240), STEP * index, axis=1)
                found = bright(image, "camera-0")
                settings = controls.settings
                drawn = draw_contours(image, found, fill=settings.fill, labels=settings.labels)
                frame = Frame("camera-0", index, index / RATE, image, time.monotonic())
                live.show(Shown(frame, found, drawn, RATE, 0.02))
                index += 1
            end.wait(1 / RATE)

    thread = threading.Thread(target=work, name="walking-square")
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()
