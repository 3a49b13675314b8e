"""Cameras by their number, with one that the test makes."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest

from e2ec.app.stream.report import Report
from e2ec.app.stream.sources.open import open_source


class Camera:
    """Gives two blue pictures and is then unplugged."""

    def __init__(self, number: int) -> None:
        self.number, self.left = number, 2

    def isOpened(self) -> bool:
        return True

    def set(self, what: int, value: float) -> bool:
        return True

    def get(self, what: int) -> float:
        return 15.0 if what == cv2.CAP_PROP_FPS else 0.0

    def read(self) -> tuple[bool, Any]:
        self.left -= 1
        blue = np.zeros((4, 6, 3), np.uint8)
        blue[..., 0] = 255
        return (True, blue) if self.left >= 0 else (False, None)

    def release(self) -> None:
        pass


def test_a_camera_is_live_and_rgb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    source = open_source("3", patience_s=0)
    source.report = Report()
    assert (source.name, source.is_live, source.fps, source.length) == (
        "camera-3",
        True,
        15.0,
        None,
    )
    frames = list(source)
    assert [f.index for f in frames] == [0, 1] and frames[0].time_s == 0.0
    assert frames[0].image[0, 0].tolist() == [0, 0, 255]
    assert "camera-3: lost after 2 frames (it gives no more frames)" in source.report.summary()
