"""Which split of a data set is for what: by its format, or by what its file is called."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dataset.formats.format import Format, Split, SplitName
from dataset.formats.split_folders import split_in_name
from lib.errors import InputError


def choose_split(found: Sequence[Split], role: SplitName, *, format: Format) -> Split | None:
    """The split for training, validation or test; None where none is, or where several could be it.

    It is the one that the format says is it; else the file that is called like it
    (`instances_val2017`, `valid`), of several the one whose name the others only add to
    (`..._val2017_ccby`). One file alone is for training, whatever it is called. A format may call
    "test" what papers validate on. A split that repeats the training images does not count.

    Args:
        found: all splits of the data set.
        role: which is wanted.
        format: their format.
    """
    for split in found:
        if split.role == role and not split.repeats:
            return split
    files = [split for split in found if split.role is None]
    if len(files) == 1:
        return files[0] if role == "train" else None
    named = [split for split in files if split_in_name(split.name) == role]
    if not named and role == "val":
        named = [split for split in files if split_in_name(split.name) == format.validates_on]
    named.sort(key=lambda split: len(split.name))
    if named and all(split.name.startswith(named[0].name) for split in named):
        return named[0]
    return None


def require_split(path: Path, found: Sequence[Split], role: SplitName, *, format: Format) -> Split:
    """The split of the data set at a path that training would take, or else that must be meant.

    That is the only one with the role in its name, the only file, or one that repeats another.

    Raises:
        InputError: there is none, or there are several.
    """
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
            f"{path}: needs exactly one annotation file (found: {names:.200}); give the file itself"
        )
    raise InputError(f"{path}: has no {role} split; it has: {names}")
