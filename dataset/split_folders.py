"""Folders named after the parts of a data set: train, val and test."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from dataset.class_list import CLASSES_JSON, CLASSES_TXT

Split = Literal["train", "val", "test"]

_NAMES: dict[str, Split] = {
    "train": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}


def split_folders(folder: Path, suffix: str) -> dict[Split, Path]:
    """The folders that a folder of labels is divided into, by split; empty if it is not.

    It is one part, whatever its folders are called, if labels or the list of classes lie directly
    in it, if other folders do too, or if none of them is for training.

    Args:
        folder: where the labels are.
        suffix: of the label files.
    """
    if any((folder / name).is_file() for name in (CLASSES_JSON, CLASSES_TXT)):
        return {}
    if any(folder.glob(f"*{suffix}")):
        return {}
    inside = sorted(p for p in folder.glob("*") if p.is_dir() and not p.name.startswith("."))
    found = {_NAMES[path.name]: path for path in inside if path.name in _NAMES}
    if "train" not in found or len(found) < len(inside):
        return {}
    return {split: found[split] for split in ("train", "val", "test") if split in found}
