"""How old the picture is that a person sees of a live stream, and what faults do to it.

    python -m e2ec.bench.studies.live_stream [--seconds 20] [--network 6] [--faults]
    python -m e2ec.bench.studies.live_stream --frames 10000 --network 1000

A server made here sends JPEG pictures of 512 x 96 with the time drawn into them, 30 a second; a
stand-in takes the place of the network, as slow as is said. The picture that a viewer has is looked
at every 5 ms, until the next one comes. With `--faults` the server hangs up three times, changes
the size once, and cuts every hundredth picture in half. With `--frames` pictures come as fast as
they are taken, all of them, and the memory of the process is looked at on the way.
"""

from __future__ import annotations

import itertools
import os
import resource
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from e2ec.app.commands.options import parse_options
from e2ec.app.stream.outputs.results import VideoResults
from e2ec.app.stream.play import play
from e2ec.app.stream.report import Report
from e2ec.app.stream.sources.open import open_source
from e2ec.app.stream.stream import Stream
from e2ec.app.stream.viewer import Shown
from e2ec.bench.studies.live_server import Part, jpeg, mjpeg_server, number_of, paced, stamped
from e2ec.bench.studies.stand_in import stand_in

FPS = 30.0
LOOKS_S = 0.005
BROKEN_EVERY = 100


@dataclass(frozen=True)
class LiveStreamOptions:
    """Ages of what is shown of a live stream."""

    seconds: float = 20.0
    """How long."""
    network: float = 6.0
    """Frames a second that the stand-in manages."""
    faults: bool = False
    """Three disconnections, a change of size, 1 % of broken pictures."""
    frames: int | None = None
    """So many frames, all of them, with a look at the memory."""


class Watcher:
    """A viewer that knows how old its picture is at every moment."""

    open = True

    def __init__(self) -> None:
        self.at_first: list[float] = []
        self.at_any_moment: list[float] = []
        self.sizes: set[tuple[int, ...]] = set()
        self.began = time.monotonic()
        self._stamp: float | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def show(self, shown: Shown) -> None:
        self._stamp = number_of(shown.frame.image) / 1e6
        self.sizes.add(shown.frame.image.shape[:2])
        self._note(self.at_first)

    def close(self) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(LOOKS_S):
            if self._stamp is not None:
                self._note(self.at_any_moment)

    def _note(self, ages: list[float]) -> None:
        now = time.monotonic()
        if self._stamp is not None and now - self.began > 1.0:
            ages.append(now - self._stamp)


def parts(connection: int, *, faults: bool, seconds: float) -> Iterator[Part]:
    """What the server sends to its connection of this number."""
    large = faults and connection > 1
    number = 0
    while True:
        number += 1
        data = jpeg(stamped(192, 640) if large else stamped())
        yield data[: len(data) // 2] if faults and number % BROKEN_EVERY == 0 else data
        if faults and connection < 3 and number > seconds / 4 * FPS:
            return


def watch(*, seconds: float, network: float, faults: bool, folder: Path) -> tuple[Watcher, Report]:
    """Play a live stream for so many seconds."""
    watcher = Watcher()
    with mjpeg_server(lambda n: paced(parts(n, faults=faults, seconds=seconds), FPS)) as url:
        stream = Stream(
            open_source(url, patience_s=10.0),
            stand_in(network),
            ended=lambda: time.monotonic() - watcher.began > seconds,
        )
        play(stream, VideoResults(folder, fps=None), viewers=[watcher])
    return watcher, stream.report


def memory(*, frames: int, network: float, folder: Path) -> list[tuple[int, float]]:
    """Play so many frames; (frames, MiB resident) ten times on the way."""
    seen: list[tuple[int, float]] = []

    def endless(connection: int) -> Iterator[Part]:
        while True:
            yield jpeg(stamped())

    with mjpeg_server(endless) as url:
        stream = Stream(
            open_source(url),
            stand_in(network),
            policy="all",
            limit=frames,
        )

        shown = itertools.count(1)

        def look(_: object) -> None:
            number = next(shown)
            if number % (frames // 10) == 0:
                seen.append((number, resident_mib()))

        play(stream, VideoResults(folder, fps=None), progress=look)
    return seen


def resident_mib() -> float:
    """Memory of this process now; where the system does not say, the most there was."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    options = parse_options(LiveStreamOptions, None)
    with tempfile.TemporaryDirectory() as name:
        if options.frames is not None:
            for frames, mib in memory(
                frames=options.frames, network=options.network, folder=Path(name)
            ):
                print(f"{frames} frames: {mib:.1f} MiB")
            return
        watcher, report = watch(
            seconds=options.seconds, network=options.network, faults=options.faults,
            folder=Path(name),
        )  # fmt: skip
        lines = (Path(name) / "contours.jsonl").read_text().count("\n")
    for what, ages in (
        ("when it comes", watcher.at_first), ("at any moment", watcher.at_any_moment),
    ):  # fmt: skip
        middle, high = np.percentile(ages, [50, 95])
        print(
            f"age {what}: median {1000 * middle:.0f} ms, 95 % {1000 * high:.0f} ms, "
            f"most {1000 * max(ages):.0f} ms ({len(ages)} times); two network times are "
            f"{2000 / options.network:.0f} ms"
        )
    print(
        f"{report.frames} frames shown, {lines} lines, {report.dropped} dropped, {report.skipped} "
        f"broken, opened again {report.reopened} times, sizes {sorted(watcher.sizes)}"
    )


if __name__ == "__main__":
    main()
