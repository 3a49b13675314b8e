"""Writing the overlays of a video as a video."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from lib.errors import InputError

DEFAULT_FPS = 25.0
"""For sources that do not know their rate."""


class OverlayVideo:
    """An MP4 file that takes its size from the first frame."""

    def __init__(self, path: Path, *, fps: float | None) -> None:
        self.path = path
        self.fps = fps or DEFAULT_FPS
        self._writer: cv2.VideoWriter | None = None

    def close(self) -> None:
        """Finish the file; without a frame there is none."""
        if self._writer is not None:
            self._writer.release()

    def write(self, image: np.ndarray) -> None:
        """Append an (H, W, 3) uint8 RGB frame.

        Raises:
            InputError: the file cannot be written.
        """
        if self._writer is None:
            size = image.shape[1], image.shape[0]
            codec = cv2.VideoWriter.fourcc(*"mp4v")
            self._writer = cv2.VideoWriter(str(self.path), codec, self.fps, size)
            if not self._writer.isOpened():
                raise InputError(f"{self.path}: video cannot be written; choose another --out")
        self._writer.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
