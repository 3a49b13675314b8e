"""A results file refined image by image."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from dataset.formats.coco.json_stream import stream_elements
from e2ec.app.refine.entry import is_same, read_shape, to_contours, with_shape
from e2ec.app.refine.image_files import ImageFile, ImageId
from e2ec.app.refine.journal import Journal
from e2ec.app.refine.windows import check_entry, read_windows
from e2ec.engine.predict.predictor import Predictor
from lib.errors import InputError
from lib.images import read_image

Files = Mapping[ImageId, ImageFile]


@dataclass
class Counts:
    """What became of the entries that were not there from before."""

    refined: int = 0
    unmoved: int = 0
    """Nothing moved, or there was nothing."""
    unreadable: int = 0
    """Their images cannot be used."""


def check_results(path: Path, files: Files, *, missing: bool) -> int:
    """The number of entries in a results file, after a look at all of them.

    What is wrong with the last entry is found out before hours are spent on the first.

    Args:
        path: the file.
        files: by image id.
        missing: whether image files may be missing.

    Raises:
        InputError: the file or an entry cannot be used; the message names it.
    """
    number = -1
    there: set[ImageId] = set()
    for number, (entry, _) in enumerate(stream_elements(path)):
        where = f"{path}: entry {number}"
        check_entry(entry, where)
        key = entry["image_id"]
        if key not in files:
            raise InputError(
                f"{where}: image_id {key!r:.40} is not in the annotations; give those of the data "
                "that the results are of"
            )
        read_shape(entry, files[key].size, where)
        if key not in there and not missing and not files[key].path.is_file():
            raise InputError(
                f"{files[key].path}: image not found (of {where}); name the folder of the images, "
                "or give --keep-unreadable to keep such entries as they are"
            )
        there.add(key)
    return number + 1


def refine_file(
    path: Path, files: Files, predictor: Predictor, journal: Journal, *, keep_unreadable: bool
) -> Counts:
    """Refine the entries of a results file that the journal does not have yet.

    Args:
        path: the file, checked.
        files: by image id.
        predictor: with a stage that refines.
        journal: takes the entries, in the order of the file.
        keep_unreadable: entries of images that cannot be used stay as they are.

    Raises:
        InputError: an image cannot be used, or results cannot be written.
    """
    counts = Counts()
    with tqdm(total=journal.total, initial=journal.done, unit="entry", disable=None) as bar:
        for window in read_windows(path):
            if window.first + len(window.entries) <= journal.done:
                continue
            lines: list[str | None] = [None] * len(window.entries)
            for key, places in window.by_image().items():
                if window.first + places[-1] < journal.done:
                    continue
                entries = {f"{path}: entry {window.first + k}": window.entries[k] for k in places}
                # Those from before are refined again, together with the others as the first time.
                new = sum(window.first + place >= journal.done for place in places)
                try:
                    found = _refine_image(entries, files[key], predictor)
                except _UnusableImage as error:
                    if not keep_unreadable:
                        raise InputError(f"{error}{_kept(journal)}") from error
                    counts.unreadable += new
                    found = list(entries.values())
                else:
                    moved = [found[k] is not window.entries[places[k]] for k in range(len(found))]
                    counts.refined += sum(moved[-new:])
                    counts.unmoved += new - sum(moved[-new:])
                for place, entry in zip(places, found, strict=True):
                    lines[place] = json.dumps(entry)
                bar.update(_write(lines, window.first, journal))
    return counts


class _UnusableImage(InputError):
    """An image is missing, cannot be read, or is not of the size of its masks."""


def _write(lines: Sequence[str | None], first: int, journal: Journal) -> int:
    """Write what follows on the journal's last entry without a gap; how many that are."""
    start = stop = journal.done - first
    while stop < len(lines) and lines[stop] is not None:
        stop += 1
    journal.write([line for line in lines[start:stop] if line is not None])
    return stop - start


def _refine_image(
    entries: Mapping[str, dict[str, Any]], file: ImageFile, predictor: Predictor
) -> list[dict[str, Any]]:
    """Entries of one image, by what messages call them, refined; the same objects where unmoved.

    Raises:
        _UnusableImage: see there.
    """
    try:
        pixels = _read(file)
        size = (pixels.shape[0], pixels.shape[1])
        shapes = [read_shape(entry, size, where) for where, entry in entries.items()]
    except InputError as error:
        raise _UnusableImage(str(error)) from error
    results = list(entries.values())
    filled = [i for i, shape in enumerate(shapes) if not shape.is_empty]
    given = to_contours([shapes[i] for i in filled], size)
    refined = predictor.refine(pixels, given, source=str(file.path))
    for number, i in enumerate(filled):
        if not is_same(given, refined, number):
            results[i] = with_shape(results[i], shapes[i], given[number], refined[number])
    return results


def _read(file: ImageFile) -> np.ndarray:
    """(H, W, 3) uint8 RGB, of the size that is said of it."""
    pixels = read_image(file.path)
    height, width = pixels.shape[:2]
    if file.size is not None and file.size != (height, width):
        raise InputError(
            f"{file.path}: has {width} x {height} pixels, the annotations say {file.size[1]} x "
            f"{file.size[0]}; give the images that the annotations are of"
        )
    return pixels


def _kept(journal: Journal) -> str:
    if not journal.done:
        return ""
    return f" ({journal.done} entries are done; the same command goes on behind them)"
