"""The screen as a source, with mss or without it."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from e2ec.app.stream.sources.live import Lost
from e2ec.app.stream.sources.open import open_source
from e2ec.app.stream.sources.screen import ScreenCapture
from lib.errors import InputError


class TwoMonitors:
    monitors = (
        {"left": 0, "top": 0, "width": 8, "height": 2},
        {"left": 0, "top": 0, "width": 4, "height": 2},
        {"left": 4, "top": 0, "width": 4, "height": 2},
    )

    def grab(self, monitor: dict[str, int]) -> SimpleNamespace:
        size = monitor["height"] * monitor["width"]
        return SimpleNamespace(
            rgb=bytes([monitor["left"], 20, 30]) * size,
            **{k: monitor[k] for k in ("height", "width")},
        )

    def close(self) -> None:
        pass


def test_a_monitor_by_its_number() -> None:
    capture = ScreenCapture(SimpleNamespace(MSS=TwoMonitors), 2)
    image, _ = capture.read()
    assert image.shape == (2, 4, 3)
    assert image[0, 0].tolist() == [4, 20, 30]
    with pytest.raises(Lost, match="2 monitors"):
        ScreenCapture(SimpleNamespace(MSS=TwoMonitors), 3)


def test_without_the_package_a_line_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mss", None)
    with pytest.raises(InputError, match=r"pip install -e '\.\[screen\]'"):
        open_source("screen")


def test_without_a_display_a_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mss")
    if sys.platform != "linux":
        pytest.skip("other systems always have a display")
    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(InputError, match="screen-1: cannot be opened"):
        open_source("screen:1")
