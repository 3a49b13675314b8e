"""Opening whatever data set lies at a path: all of its parts, or one of them."""

from __future__ import annotations

from pathlib import Path

from dataset.checks.problems import Action, Problem, Report, strict
from dataset.formats.choose_split import choose_part
from dataset.formats.detect import Format, detect_format
from dataset.formats.split_folders import Split
from dataset.formats.splits import AS_RELEASED, Part, Reading, parts
from dataset.index.dataset import IndexedDataset
from dataset.index.label_index import LabelIndex
from lib.errors import InputError


def open_path(
    path: str | Path,
    *,
    kind: Format | None = None,
    reading: Reading = AS_RELEASED,
    report: Report = strict,
) -> dict[str, IndexedDataset]:
    """The parts of the data set at a path by name: of the split, or of the label file.

    Parts that are not there, or repeat another, are left out. One that is there, and cannot be read
    while others can, is a problem of its own.

    Args:
        path: a label file or folder.
        kind: its format; found out without.
        reading: where its images are, and which labels are read.
        report: told what is wrong with single entries and with single parts.

    Raises:
        InputError: the format is not known, the images are not found, or nothing can be read.
    """
    path = Path(path)
    found: dict[str, IndexedDataset] = {}
    failed: list[tuple[Part, InputError]] = []
    for part in parts(path, kind or detect_format(path), reading):
        if part.repeats:
            continue
        try:
            index = part.read(report)
            found[part.name] = IndexedDataset(part.images(index), index)
        except InputError as error:
            failed.append((part, error))
    if failed and not found:
        raise failed[0][1]
    if not found:
        raise InputError(f"{path}: holds no split that could be read; give the whole data set")
    for part, why in failed:
        report(_unusable(part, why))
    return found


def open_split(
    path: str | Path,
    split: Split,
    *,
    kind: Format,
    reading: Reading = AS_RELEASED,
    report: Report = strict,
) -> tuple[LabelIndex, Path | None]:
    """The labels of one part, and the folder of its images, None where it is not found.

    Args:
        path: a label file or folder.
        split: which part, where there are several; of COCO's files the one with it in its name.
        kind: the format.
        reading: where its images are, and which labels are read.
        report: told what is wrong with single entries.

    Raises:
        InputError: there is no such part, or it cannot be read.
    """
    path = Path(path)
    part = _choose(path, list(parts(path, kind, reading)), split, kind)
    index = part.read(report)
    try:
        return index, part.images(index)
    except InputError:
        return index, None  # not all that is done with labels needs the images


def _choose(path: Path, found: list[Part], split: Split, kind: Format) -> Part:
    """The part of a split: the one that training takes, or the only one, or one that repeats it."""
    part = choose_part(found, split, kind=kind)
    if part is not None:
        return part
    unnamed = [part for part in found if part.split is None]
    repeating = [part for part in found if part.split == split]
    named = [part for part in unnamed if split in part.name]
    for candidates in (named, unnamed, repeating):
        if len(candidates) == 1:
            return candidates[0]
    names = ", ".join(part.name for part in found) or "none"
    if unnamed or not found:
        raise InputError(
            f"{path}: has not one annotation file ({names:.200}); give the file itself"
        )
    raise InputError(f"{path}: has no {split} split; it has: {names}")


def _unusable(part: Part, error: InputError) -> Problem:
    """The problem that stands for a part that cannot be read; training does without test data."""
    file, _, rest = str(error).partition(": ")
    what, _, remedy = rest.partition("; ")
    action: Action = "left out" if part.split == "test" else "stops"
    return Problem(file, "", "unusable split", what, action, remedy)
