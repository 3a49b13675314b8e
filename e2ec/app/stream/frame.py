"""One image of a source, with its time."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Frame:
    """One image of a source.

    Attributes:
        name: file name of the image or the video, "camera-0", "screen-1", "standard input", or the
            URL without a password.
        index: position in the source, counted from 0. Dropped frames of a live source are counted,
            broken ones are not.
        time_s: time in seconds: from the start of a video; of a live source from its first frame to
            the capture of this one; 0 for image files.
        image: (H, W, 3) uint8 RGB.
        captured: when it was read, by `time.monotonic()`.
    """

    name: str
    index: int
    time_s: float
    image: np.ndarray
    captured: float = field(default_factory=time.monotonic)
