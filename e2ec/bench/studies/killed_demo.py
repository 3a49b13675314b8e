"""What `demo.py` leaves when it is stopped half way: by SIGTERM, Ctrl-C and SIGKILL.

    python -m e2ec.bench.studies.killed_demo VIDEO [--times 10] [--seed 0] [--zoom 0.5]
        [--signals SIGTERM SIGINT SIGKILL]

starts the demonstration on a video again and again, stops it at a random moment, and looks at what
lies in its folder: whether every line is JSON, whether the video plays to its end, and whether a
frame stands twice in either.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import av
from tyro.conf import Positional

from e2ec.app.commands.options import parse_options
from e2ec.app.stream.sources.open import open_source
from e2ec.results.formats.native import read_document

DEMO = Path(__file__).resolve().parents[3] / "demo.py"
SIGNALS = {signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGKILL: -signal.SIGKILL}
"""And the exit status that belongs to each."""
_START_S = 120.0


@dataclass(frozen=True)
class KilledDemoOptions:
    """Stop the demonstration half way and look at what it leaves."""

    video: Positional[Path]
    """A video file."""
    times: int = 10
    """So often by each signal."""
    seed: int = 0
    """Of the moments."""
    zoom: float = 0.5
    """As of demo.py."""
    signals: tuple[Literal["SIGTERM", "SIGINT", "SIGKILL"], ...] = ("SIGTERM", "SIGINT", "SIGKILL")
    """Which ones."""


@dataclass(frozen=True)
class Left:
    """What one run left.

    Attributes:
        status: exit status.
        lines: whole lines.
        pictures: frames of the video that can be decoded.
        faults: what is wrong.
    """

    status: int
    lines: int
    pictures: int
    faults: list[str]


def stop_one(
    arguments: list[str], out: Path, *, number: signal.Signals, lines: int, delay_s: float
) -> Left:
    """Run the demonstration, stop it when there are so many lines and a moment has passed."""
    process = subprocess.Popen(
        [sys.executable, str(DEMO), *arguments, "--out", str(out)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=_hear_ctrl_c,
    )  # fmt: skip
    path, end = out / "contours.jsonl", time.monotonic() + _START_S
    while time.monotonic() < end and process.poll() is None:
        if path.exists() and path.read_bytes().count(b"\n") >= lines:
            break
        time.sleep(0.01)
    time.sleep(delay_s)
    process.send_signal(number)
    return look_at(out, process.wait(60), SIGNALS[number])


def _hear_ctrl_c() -> None:
    """What is started in the background inherits that Ctrl-C is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def look_at(out: Path, status: int, expected: int) -> Left:
    """Read everything back."""
    faults = [] if status == expected else [f"exit status {status}, not {expected}"]
    text = (out / "contours.jsonl").read_text()
    if not text.endswith("\n"):
        faults.append("the last line is torn")
    numbers = []
    for line in text.splitlines():
        try:
            document = json.loads(line)
            read_document(document)
            numbers.append(document["frame"])
        except ValueError:
            faults.append("a line is no JSON")
    if numbers != sorted(set(numbers)):
        faults.append("lines are twice or out of order")
    times = []
    try:
        with av.open(str(out / "overlay.mp4")) as container:
            times = [float(frame.time or 0.0) for frame in container.decode(video=0)]
    except (av.error.FFmpegError, OSError) as error:
        faults.append(f"the video does not play to its end: {error}")
    if times != sorted(set(times)):
        faults.append("pictures are twice or out of order")
    finished = status >= 0
    if not (len(times) == len(numbers) if finished else 0 <= len(numbers) - len(times) <= 2):
        faults.append(f"{len(numbers)} lines but {len(times)} pictures")
    return Left(status, len(numbers), len(times), faults)


def main() -> None:
    options = parse_options(KilledDemoOptions, None)
    rng = random.Random(options.seed)
    frames = open_source(str(options.video)).length or 100
    arguments = ["--source", str(options.video), "--zoom", str(options.zoom)]
    wrong = 0
    for name in options.signals:
        number = signal.Signals[name]
        for turn in range(options.times):
            with tempfile.TemporaryDirectory() as folder:
                left = stop_one(
                    arguments, Path(folder, "out"), number=number,
                    lines=rng.randrange(1, frames * 3 // 4), delay_s=rng.uniform(0.0, 0.3),
                )  # fmt: skip
            wrong += bool(left.faults)
            print(
                f"{number.name} {turn}: status {left.status}, {left.lines} lines, "
                f"{left.pictures} pictures: {'; '.join(left.faults) or 'whole'}",
                flush=True,
            )
    runs = len(options.signals) * options.times
    print(f"{runs - wrong} of {runs} whole")


if __name__ == "__main__":
    main()
