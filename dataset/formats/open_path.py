"""Opening whatever data set lies at a path: all of its splits, or one of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from dataset.checks.problems import Action, Problem, Report, strict
from dataset.formats.choose_split import choose_split
from dataset.formats.detect import detect_format
from dataset.formats.format import Format, Split, SplitName
from dataset.index.dataset import IndexedDataset
from dataset.index.label_index import LabelIndex
from lib.errors import InputError


def open_path(
    path: str | Path,
    *,
    format: Format | None = None,
    images: Path | None = None,
    report: Report = strict,
) -> dict[str, IndexedDataset]:
    """The splits of the data set at a path by name: of the split, or of the label file.

    Args:
        path: a label file or folder.
        format: its format; found out without.
        images: folder of its images.
        report: told what is wrong with single entries and with single splits.

    Raises:
        InputError: the format is not known, the images are not found, or nothing can be read.
    """
    path = Path(path)
    format = format or detect_format(path)
    return open_splits(path, format, format.find(path, images), report)


def open_splits(
    path: Path, format: Format, splits: Iterable[Split], report: Report
) -> dict[str, IndexedDataset]:
    """Splits of the data set at a path by name.

    Those that are not there, or repeat another, are left out. One that is there, and cannot be read
    while others can, is a problem of its own.

    Raises:
        InputError: images are not found, or nothing can be read.
    """
    found: dict[str, IndexedDataset] = {}
    failed: list[tuple[Split, InputError]] = []
    for split in splits:
        if split.repeats:
            continue
        try:
            index = format.read(split, report)
            found[split.name] = IndexedDataset(format.images(split, index), index)
        except InputError as error:
            failed.append((split, error))
    if failed and not found:
        raise failed[0][1]
    if not found:
        raise InputError(f"{path}: holds no split that could be read; give the whole data set")
    for split, why in failed:
        report(_unusable(split, why))
    return found


def open_split(
    path: str | Path,
    role: SplitName,
    *,
    format: Format,
    images: Path | None = None,
    report: Report = strict,
) -> tuple[LabelIndex, Path | None]:
    """The labels of one split, and the folder of its images, None where it is not found.

    Args:
        path: a label file or folder.
        role: which split, where there are several; of COCO's files the one with it in its name.
        format: the format.
        images: folder of its images.
        report: told what is wrong with single entries.

    Raises:
        InputError: there is no such split, or it cannot be read.
    """
    path = Path(path)
    split = _choose(path, format.find(path, images), role, format)
    index = format.read(split, report)
    try:
        return index, format.images(split, index)
    except InputError:
        return index, None  # not all that is done with labels needs the images


def _choose(path: Path, found: list[Split], role: SplitName, format: Format) -> Split:
    """The split that training takes, or the only one, or one that repeats it."""
    split = choose_split(found, role, format=format)
    if split is not None:
        return split
    unnamed = [split for split in found if split.role is None]
    repeating = [split for split in found if split.role == role]
    named = [split for split in unnamed if role in split.name]
    for candidates in (named, unnamed, repeating):
        if len(candidates) == 1:
            return candidates[0]
    names = ", ".join(split.name for split in found) or "none"
    if unnamed or not found:
        raise InputError(
            f"{path}: has not one annotation file ({names:.200}); give the file itself"
        )
    raise InputError(f"{path}: has no {role} split; it has: {names}")


def _unusable(split: Split, error: InputError) -> Problem:
    """The problem that stands for a split that cannot be read; training does without test data."""
    file, _, rest = str(error).partition(": ")
    what, _, remedy = rest.partition("; ")
    action: Action = "left out" if split.role == "test" else "stops"
    return Problem(file, "", "unusable split", what, action, remedy)
