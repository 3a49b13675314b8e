"""Whether a window can be opened here."""

from __future__ import annotations

import os
import subprocess
import sys

import cv2

_PROBE = "import cv2; cv2.namedWindow('probe'); cv2.pollKey(); cv2.destroyAllWindows()"
_PROBE_S = 20.0


def why_no_window() -> str | None:
    """Why there can be no window here, in a few words; None where there can.

    A display that cannot be reached makes the GUI's library end its process, so a process of its
    own tries it.
    """
    if not _gui_built_in():
        return "this OpenCV has no windows (a headless build)"
    if sys.platform.startswith("linux") and not _display_named():
        return "there is no display"
    try:
        probe = subprocess.run(
            [sys.executable, "-c", _PROBE],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_PROBE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "the display does not answer"
    return "the display cannot be used" if probe.returncode else None


def _gui_built_in() -> bool:
    """By what OpenCV says of its build: "GUI: NONE" in headless ones."""
    for line in cv2.getBuildInformation().splitlines():
        name, _, value = line.strip().partition(":")
        if name == "GUI":
            return value.strip() != "NONE"
    return False


def _display_named() -> bool:
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
