"""Which part of a data set is the one of a split: by its format, or by what its file is called."""

from __future__ import annotations

from collections.abc import Sequence

from dataset.formats.detect import Format
from dataset.formats.split_folders import Split, split_in_name
from dataset.formats.splits import Part


def choose_part(found: Sequence[Part], split: Split, *, kind: Format) -> Part | None:
    """The part of a split, None where there is none, or where several could be it.

    It is the part that the format says is it; else the file that is called like it
    (`instances_val2017`, `valid`), of several the one whose name the others only add to
    (`..._val2017_ccby`). One file alone is for training, whatever it is called. KINS calls "test"
    what papers validate on. A part that repeats the training images is none.

    Args:
        found: all parts of the data set.
        split: which is wanted.
        kind: their format.
    """
    for part in found:
        if part.split == split and not part.repeats:
            return part
    files = [part for part in found if part.split is None]
    if len(files) == 1:
        return files[0] if split == "train" else None
    named = [part for part in files if split_in_name(part.name) == split]
    if not named and kind == "kins" and split == "val":
        named = [part for part in files if split_in_name(part.name) == "test"]
    named.sort(key=lambda part: len(part.name))
    if named and all(part.name.startswith(named[0].name) for part in named):
        return named[0]
    return None
