"""Whether there can be a window, and a real one under a virtual display."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from e2ec.app.stream.window import possible


class TestPossible:
    @pytest.fixture(autouse=True)
    def _linux(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "platform", "linux")
        monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)

    def test_headless_builds_are_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cv2, "getBuildInformation", lambda: "  GUI:      NONE\n")
        assert "headless" in str(possible.why_no_window())

    def test_without_a_display(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cv2, "getBuildInformation", lambda: "  GUI:      QT5\n")
        monkeypatch.delenv("DISPLAY", raising=False)
        assert why() == "there is no display"

    def test_a_display_that_is_gone_ends_no_process(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cv2, "getBuildInformation", lambda: "  GUI:      QT5\n")
        monkeypatch.setenv("DISPLAY", ":987")
        assert why() is not None


def why() -> str | None:
    return possible.why_no_window()


@pytest.mark.skipif(shutil.which("xvfb-run") is None, reason="needs xvfb-run")
def test_a_real_window(tmp_path: Path) -> None:
    """OpenCV itself, under a virtual display: drawn, and closed with the source."""
    script = f"""
import sys
sys.path[:0] = {[str(Path(__file__).parents[3] / "helpers")]!r}
from pathlib import Path
from e2ec.app.stream.window.possible import why_no_window
from e2ec.app.stream.window.window import Window
from e2ec.app.stream.controls import Controls
from e2ec.app.stream.frame import Frame
from e2ec.app.stream.viewer import Shown
from small_instances import of_polygons
import numpy as np, time
reason = why_no_window()
if reason:
    print("none:", reason); sys.exit()
window = Window(Controls(), Path("."), say=print)
def work():
    picture = np.zeros((9, 11, 3), np.uint8)
    for index in range(5):
        window.show(Shown(Frame("a", index, 0.0, picture), of_polygons(), picture, 1.0, 0.1))
        time.sleep(0.05)
    window.close()
    return "shown"
print(window.run(work))
"""
    done = subprocess.run(
        ["xvfb-run", "-a", sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "shown" or done.stdout.startswith("none: ")
