"""Who looks at a stream while it runs: a window, a web page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from e2ec.app.stream.frame import Frame
from e2ec.results.contours import Contours


@dataclass(frozen=True)
class Shown:
    """What a viewer gets of one processed frame.

    Attributes:
        frame: the frame itself.
        contours: what was found on it, in pixels of the frame.
        picture: (H, W, 3) uint8 RGB, the frame with its contours drawn; shared: do not draw on it.
        fps: processed frames a second, end to end, smoothed.
        latency_s: seconds from capture to this moment, smoothed.
    """

    frame: Frame
    contours: Contours
    picture: np.ndarray
    fps: float
    latency_s: float


class Viewer(Protocol):
    """Shows processed frames; called by the thread that draws.

    Whoever is slow keeps the newest picture (`newest.Newest`) and lets go of older ones.
    """

    @property
    def open(self) -> bool:
        """False once the person has quit; the stream then ends as if its source had."""
        ...

    def show(self, shown: Shown) -> None:
        """Take a picture to show. Never blocks."""
        ...

    def close(self) -> None:
        """The stream has ended; called once."""
        ...
