"""Files for all images together: what is found is kept by image, and put together at the end.

`.predict-FORMAT.jsonl` has a line an image; a process that is killed leaves whole lines, and a
later run goes on behind them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from e2ec.app.predict.image_list import ListedImage
from e2ec.app.predict.made_by import MadeBy
from e2ec.app.predict.outputs.folder import ResultFolder
from e2ec.app.predict.outputs.output import Classes, State
from e2ec.app.stream.outputs.line_file import LineFile
from e2ec.results.contours import Contours
from e2ec.results.formats.catalogue import OutputFormat
from e2ec.results.formats.item import ImageResult
from e2ec.results.formats.measurements import measured_pixels
from e2ec.results.formats.notes import Notes
from e2ec.results.formats.one_by_one import check_writable
from e2ec.results.formats.options import FormatOptions
from e2ec.results.formats.writers import format_files
from lib.errors import InputError
from lib.files import atomic_write_bytes

_EXACT = 15
"""Decimals of coordinates that are read back as they were."""


@dataclass(frozen=True)
class _Place:
    """Where the line of an image begins, and when the image had been changed last."""

    offset: int
    changed: int | None


class SetFiles:
    """An image is done if there is a line of it, and it has not been changed since."""

    def __init__(
        self,
        format: OutputFormat,
        folder: Path,
        made: MadeBy,
        classes: Classes,
        options: FormatOptions,
        *,
        overwrite: bool,
    ) -> None:
        self.place = str(folder)
        self.notes = Notes()
        self._format = format
        self._folder = ResultFolder(folder, format.name, made)
        self._path = folder / f".predict-{format.name}.jsonl"
        self._classes = classes
        self._options = options
        self._overwrite = overwrite
        self._places: dict[str, _Place] = {}
        self._size = 0
        self._lines: LineFile | None = None

    def __enter__(self) -> SetFiles:
        names = check_writable(self._format.name, self._classes)
        results = [self._folder.folder / name for name in names]
        self._folder.open([*results, self._path], overwrite=self._overwrite)
        try:
            self._read()
            self._lines = LineFile(self._path, keep=self._size)
        except BaseException:
            self._folder.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._lines is not None:
            self._lines.close()
        self._folder.close()

    def state(self, image: ListedImage) -> State:
        place = self._places.get(image.name)
        return "done" if place and place.changed == _changed(image.path) else "open"

    def write(self, image: ListedImage, contours: Contours) -> bool:
        assert self._lines is not None
        changed = _changed(image.path)
        line = {
            "name": image.name,
            "changed": changed,
            # The document rounds scores, and equal ones would change the order.
            "scores": contours.scores.tolist(),
            "contours": contours.to_dict(decimals=_EXACT),
        }
        text = json.dumps(line, allow_nan=False) + "\n"
        self._lines.write(text)
        self._places[image.name] = _Place(self._size, changed)
        self._size += len(text.encode())
        return True

    def finish(self, images: Sequence[ListedImage]) -> None:
        assert self._lines is not None
        self._lines.to_disk()
        results = _Results(self._path, images, self._places)
        for name, data in format_files(self._format.name, results, self._options, self.notes):
            atomic_write_bytes(self._folder.folder / name, data)

    def _read(self) -> None:
        """Find the whole lines that are there."""
        if not self._path.is_file():
            return
        with self._path.open("rb") as file:
            for line in file:
                entry = _entry(line)
                if entry is None:  # torn, as the last one may be
                    return
                self._places[entry["name"]] = _Place(self._size, entry.get("changed"))
                self._size += len(line)


class _Results:
    """The results of the images that have some, in the order of the images, read when asked."""

    def __init__(
        self, path: Path, images: Sequence[ListedImage], places: dict[str, _Place]
    ) -> None:
        self._path, self._images, self._places = path, images, places

    def __iter__(self) -> Iterator[ImageResult]:
        with self._path.open("rb") as file:
            for number, image in enumerate(self._images, start=1):
                if image.name not in self._places:
                    continue
                file.seek(self._places[image.name].offset)
                entry = _entry(file.readline())
                if entry is None:
                    raise InputError(f"{self._path}: is damaged; give --overwrite to begin anew")
                found = _contours(entry, str(self._path))
                pixels = partial(measured_pixels, image.path)
                yield ImageResult(image.name, found, number, pixels=pixels)


def _contours(entry: dict[str, Any], name: str) -> Contours:
    found = Contours.from_dict(entry["contours"], name=name)
    scores = np.array(entry["scores"], np.float64)
    return replace(found, scores=scores)


def _entry(line: bytes) -> dict[str, Any] | None:
    """A line as it was written; None where it is torn or something else."""
    if not line.endswith(b"\n"):
        return None
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    whole = isinstance(entry, dict) and {"name", "scores", "contours"} <= entry.keys()
    return entry if whole else None


def _changed(path: Path) -> int | None:
    """When a file was changed last, in nanoseconds; None where nobody knows."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None
