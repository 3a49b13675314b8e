"""What is written of a stream: of image files overlays and one document, of a video two files."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Protocol

import numpy as np

from e2ec.app.commands.earlier_run import (
    DOCUMENT,
    LINES,
    VIDEO,
    OverlayNames,
    earlier_results,
    remove_earlier,
)
from e2ec.app.stream.frame import Frame
from e2ec.app.stream.outputs.line_file import LineFile
from e2ec.app.stream.outputs.overlay_video import OverlayVideo
from e2ec.results.contours import Contours
from e2ec.results.formats.native import document, frame_line
from lib.files import atomic_write_json
from lib.images import write_image

_SHARE = 0.1
"""Writing the document of a folder again and again takes this part of the time at most."""
_INTERVAL_S = 1.0


class Results(Protocol):
    """Where results go."""

    path: Path
    """The file that holds the contours."""

    def write(self, frame: Frame, contours: Contours, picture: np.ndarray) -> None:
        """Write one result; `picture` is its overlay, (H, W, 3) uint8 RGB.

        Raises:
            InputError: it cannot be written.
        """
        ...

    def close(self) -> None:
        """Finish the files; what an earlier run left in the folder makes way."""
        ...


class ImageResults:
    """Overlays as PNG files, and `contours.json`, which is brought up to date as images come."""

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.perf_counter) -> None:
        self.path = folder / DOCUMENT
        self._folder = folder
        self._earlier = earlier_results(folder)
        self._names = OverlayNames()
        self._written = {DOCUMENT}
        self._found: list[Contours] = []
        self._clock = clock
        self._next = clock() + _INTERVAL_S

    def write(self, frame: Frame, contours: Contours, picture: np.ndarray) -> None:
        name = self._names.next(frame.name)
        write_image(self._folder / name, picture)
        self._found.append(contours)
        self._written.add(name)
        # A process that is killed leaves overlays with their contours.
        if self._clock() >= self._next:
            self._write_document()

    def close(self) -> None:
        if self._found:
            self._write_document()
            _make_way(self._folder, self._earlier, self._written)

    def _write_document(self) -> None:
        start = self._clock()
        atomic_write_json(self.path, document(self._found))
        stop = self._clock()
        self._next = stop + max(_INTERVAL_S, (stop - start) / _SHARE)


class VideoResults:
    """`contours.jsonl`, a line a frame, and `overlay.mp4`; both are whole at every moment."""

    def __init__(self, folder: Path, *, fps: float | None) -> None:
        self.path = folder / LINES
        self._folder = folder
        self._earlier = earlier_results(folder)
        self._lines = LineFile(self.path)
        self._video = OverlayVideo(folder / VIDEO, fps=fps)

    def write(self, frame: Frame, contours: Contours, picture: np.ndarray) -> None:
        self._lines.write(frame_line(contours, frame=frame.index, time_s=frame.time_s))
        self._video.write(picture, frame.time_s)

    def close(self) -> None:
        with closing(self._lines), closing(self._video):
            _make_way(self._folder, self._earlier, {LINES, VIDEO})


def _make_way(folder: Path, earlier: Iterable[str], written: set[str]) -> None:
    removed = remove_earlier(folder, earlier, written)
    if removed:
        print(f"{removed} overlay{'s' * (removed != 1)} of an earlier run removed from {folder}")
