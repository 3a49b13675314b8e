"""What is named after the splits of a data set, train, val and test: folders, and files."""

from __future__ import annotations

import re
from pathlib import Path

from dataset.formats.class_list import has_class_list
from dataset.formats.format import SplitName

_NAMES: dict[str, SplitName] = {
    "train": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}
# In names of files there are more ways to say it.
_WORDS: dict[str, SplitName] = {
    **_NAMES,
    **dict.fromkeys(("training", "trainset", "minitrain"), "train"),
    **dict.fromkeys(("valset", "minival"), "val"),
    **dict.fromkeys(("testing", "testset"), "test"),
}


def split_in_name(name: str) -> SplitName | None:
    """The split that a word of a name stands for (`instances_val2017`, `valid-labels`: val).

    None where there is no such word, or words for several.
    """
    found = {_WORDS[word] for word in re.findall("[a-z]+", name.lower()) if word in _WORDS}
    return found.pop() if len(found) == 1 else None


def split_folders(folder: Path, suffix: str) -> dict[SplitName, Path]:
    """The folders that a folder of labels is divided into, by split; empty if it is not.

    It is one split, whatever its folders are called, if labels or the list of classes lie directly
    in it, if there are labels in other folders of it, or if none of them is for training.

    Args:
        folder: where the labels are.
        suffix: of the label files.
    """
    if has_class_list(folder) or any(folder.glob(f"*{suffix}")):
        return {}
    inside = sorted(p for p in folder.glob("*") if p.is_dir() and not p.name.startswith("."))
    found = {_NAMES[name]: path for path in inside if (name := path.name.lower()) in _NAMES}
    others = [path for path in inside if path not in found.values()]
    if "train" not in found or any(any(path.rglob(f"*{suffix}")) for path in others):
        return {}
    return {split: found[split] for split in ("train", "val", "test") if split in found}
