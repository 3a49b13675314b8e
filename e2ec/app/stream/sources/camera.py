"""Cameras by their number, through OpenCV, which knows the interfaces of every system."""

from __future__ import annotations

import time

import cv2
import numpy as np

from e2ec.app.stream.sources.live import LiveSource, Lost
from lib.images import quiet_opencv


def camera_source(number: int, *, patience_s: float) -> LiveSource:
    """The camera with this number.

    Raises:
        InputError: it cannot be opened.
    """
    return LiveSource(lambda: CameraCapture(number), name=f"camera-{number}", patience_s=patience_s)


class CameraCapture:
    """An open camera."""

    def __init__(self, number: int) -> None:
        with quiet_opencv():
            self._capture = cv2.VideoCapture(number)
        if not self._capture.isOpened():
            self._capture.release()
            raise Lost("cannot be opened; check its number and that it is free")
        # Frames that wait in the driver are old when they are read.
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.fps = float(rate) if np.isfinite(rate) and rate > 0 else None

    def read(self) -> tuple[np.ndarray, float]:
        good, image = self._capture.read()
        if not good:
            raise Lost("it gives no more frames")
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB), time.monotonic()

    def close(self) -> None:
        self._capture.release()
