"""What is named after the splits of a data set: folders, and files. Splits that are folders."""

from __future__ import annotations

import re
from pathlib import Path

from dataset.formats.class_list import has_class_list
from dataset.formats.format import Split, SplitName
from dataset.formats.image_folder import image_names

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


def images_of_split(images: Path | None, name: str) -> Path | None:
    """The folder of a split's images in one that was given for all, or that folder itself."""
    return images / name if images is not None and (images / name).is_dir() else images


def folder_images(split: Split) -> Path:
    """The folder of the images of a folder of labels, itself where there is no other."""
    return split.images or split.labels


def folder_files(split: Split) -> list[Path]:
    """Every file in the folders of labels, and every image, whose size is part of the labels."""
    labels = dict.fromkeys((split.labels, *split.together))
    found = [path for folder in labels for path in sorted(folder.rglob("*")) if path.is_file()]
    images = folder_images(split)
    return found + ([images / name for name in image_names(images)] if images.is_dir() else [])
