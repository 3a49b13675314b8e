"""Frames a second of `demo.py`, end to end: alone, with a window, and with a page that looks.

    python -m e2ec.bench.studies.demo_speed VIDEO [--rounds 3] [--frames 150] [--zoom 1]

runs the demonstration as a user would, drawing and saving included, in turns with the others. The
window needs a display, the page an installed Chromium and the package playwright; what is missing
is left out. Where ultralytics is installed its `predict` runs on the same video beside them, with
random weights of its smallest segmentation network (which finds next to nothing, so that there is
little to draw and to save).
"""

from __future__ import annotations

import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tyro.conf import Positional

from e2ec.app.commands.options import parse_options
from e2ec.app.stream.window.possible import why_no_window

DEMO = Path(__file__).resolve().parents[3] / "demo.py"
_SPEED = re.compile(r"\(([\d.]+)/s, reading, drawing and writing included\)")
_ADDRESS = re.compile(r"open (http://\S+)")
_PEER = """
import sys, time
from ultralytics import YOLO
model = YOLO("yolo11n-seg.yaml")
source, frames, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
start, count = time.perf_counter(), 0
for _ in model.predict(source, stream=True, save=True, project=out, verbose=False):
    count += 1
    if count == frames:
        break
print(f"({count / (time.perf_counter() - start):.1f}/s, reading, drawing and writing included)")
"""


@dataclass(frozen=True)
class DemoSpeedOptions:
    """Frames a second of the demonstration, alone and looked at."""

    video: Positional[Path]
    """A video file."""
    rounds: int = 3
    """So often each, in turns."""
    frames: int = 150
    """Of the video."""
    zoom: float = 1.0
    """As of demo.py."""


def speed_of(arguments: list[str], *, looked_at: bool = False) -> float:
    """Frames a second that a process says of itself.

    Args:
        arguments: of Python.
        looked_at: open its page in a browser; the process is then stopped when it has said its
            speed.

    Raises:
        RuntimeError: it ended without saying it.
    """
    process = subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    speed, over, viewer = None, threading.Event(), None
    for line in process.stdout:
        if viewer is None and looked_at and (address := _ADDRESS.search(line)):
            viewer = threading.Thread(target=watch_page, args=(address[1], over))
            viewer.start()
        if found := _SPEED.search(line):
            speed = float(found[1])
            if looked_at:
                process.send_signal(signal.SIGTERM)
    process.wait()
    over.set()
    if viewer is not None:
        viewer.join()
    if speed is None:
        raise RuntimeError(f"{' '.join(arguments)}: no speed, status {process.returncode}")
    return speed


def watch_page(address: str, over: threading.Event) -> None:
    """Look at the live view in a headless Chromium until it is over."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=_chromium())
        browser.new_page(viewport={"width": 1400, "height": 900}).goto(address)
        over.wait()
        browser.close()


def _chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("google-chrome")


def variants(options: DemoSpeedOptions, out: Path) -> dict[str, Callable[[], float]]:
    """What can be measured here, by name."""
    common = [str(DEMO), "--source", str(options.video), "--limit", str(options.frames)]
    common += ["--zoom", str(options.zoom), "--out", str(out / "demo")]
    found: dict[str, Callable[[], float]] = {"headless": lambda: speed_of([*common, "--no-show"])}
    if why_no_window() is None:
        found["window"] = lambda: speed_of([*common, "--show"])
    if _chromium() and find_spec("playwright"):
        web = [*common, "--no-show", "--web", "127.0.0.1:0"]
        found["page"] = lambda: speed_of(web, looked_at=True)
    if find_spec("ultralytics"):
        peer = ["-c", _PEER, str(options.video), str(options.frames), str(out / "peer")]
        found["ultralytics predict"] = lambda: speed_of(peer)
    return found


def main() -> int:
    """Print the table; returns the exit status."""
    options = parse_options(DemoSpeedOptions, None)
    with tempfile.TemporaryDirectory() as folder:
        measured: dict[str, list[float]] = {}
        for _ in range(options.rounds):
            for name, measure in variants(options, Path(folder)).items():
                measured.setdefault(name, []).append(measure())
    print("| | frames/s, median | all |\n|---|---|---|")
    for name, speeds in measured.items():
        print(f"| {name} | {statistics.median(speeds):.1f} | {', '.join(map(str, speeds))} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
