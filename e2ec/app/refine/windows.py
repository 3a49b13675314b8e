"""The entries of a results file in pieces that fit into memory, always the same ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dataset.formats.coco.json_stream import stream_elements
from e2ec.app.refine.image_files import ImageId, is_image_id
from lib.errors import InputError

_ENTRIES = 4096
_CHARACTERS = 1 << 24
_LONGER = 2
"""So many times as long a window may become so that no image is in two."""


@dataclass(eq=False)
class Window:
    """Some entries, one after the other as they stand in the file.

    Attributes:
        first: the number of the first of them in the file, from 0.
        entries: JSON objects with an image_id.
    """

    first: int
    entries: list[dict[str, Any]] = field(default_factory=list)

    def by_image(self) -> dict[ImageId, list[int]]:
        """Places in `entries` by image id, in order of first appearance."""
        places: dict[ImageId, list[int]] = {}
        for place, entry in enumerate(self.entries):
            places.setdefault(entry["image_id"], []).append(place)
        return places


def read_windows(
    path: Path, *, entries: int = _ENTRIES, characters: int = _CHARACTERS
) -> Iterator[Window]:
    """The entries of a COCO results file.

    A window ends where the image changes once it has so many entries or so long a text, or when it
    has become twice as large: results that are grouped by image have each image in one window.
    Where windows begin depends on the file alone.

    Raises:
        InputError: the file is no list, is cut off, or holds something else than entries; when that
            is reached.
    """
    window, length = Window(0), 0
    for number, (entry, size) in enumerate(stream_elements(path)):
        check_entry(entry, f"{path}: entry {number}")
        long = max((number - window.first) / entries, length / characters)
        if long >= _LONGER or (long >= 1 and entry["image_id"] != window.entries[-1]["image_id"]):
            yield window
            window, length = Window(number), 0
        window.entries.append(entry)
        length += size
    if window.entries:
        yield window


def check_entry(entry: Any, where: str) -> None:
    """
    Raises:
        InputError: it is no object with an image id; `where` is the file and the entry.
    """
    if not isinstance(entry, dict) or not is_image_id(entry.get("image_id")):
        raise InputError(
            f"{where}: no object with an image_id; give COCO results, a list of entries with "
            "image_id and segmentation"
        )
