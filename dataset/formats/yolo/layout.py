"""Where a YOLO data set (Ultralytics layout) has its images, labels and class names.

Either a `data.yaml` says it, or the folders do: `images/train` with `labels/train`, or, as some
tools export it, `train/images` with `train/labels`; the class names then stand in `classes.txt`.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from dataset.formats.class_list import read_class_list
from dataset.formats.format import SplitName
from dataset.formats.image_folder import image_names
from dataset.formats.yolo.data_yaml import find_yaml, read_classes, read_yaml
from dataset.index.inputs import relative_name
from lib.errors import InputError
from lib.files import read_text

# Other names of the splits, in data.yaml and as folders.
_ALSO: dict[SplitName, tuple[str, ...]] = {
    "train": ("train",),
    "val": ("val", "valid", "validation"),
    "test": ("test",),
}


@dataclass(frozen=True)
class YoloLayout:
    """One split of a data set.

    Attributes:
        file: data.yaml, or the folder where there is none.
        folder: what the image names are relative to.
        images: file names.
        classes: names by category id, in order of the class index; the id is index + 1 where the
            file does not say it.
    """

    file: Path
    folder: Path
    images: list[str]
    classes: dict[int, str]


def _open(path: str | Path, root: str | Path | None) -> tuple[Path | None, dict[str, Any], Path]:
    """data.yaml, what it says, and the folder of the data set; None and nothing without a file."""
    path = Path(path)
    file = find_yaml(path)
    document = {} if file is None else read_yaml(file)
    if root is not None:
        return file, document, Path(root)
    return file, document, path if file is None else _data_folder(file, document)


def yolo_image_folder(path: str | Path, root: str | Path | None = None) -> Path:
    """What the image names of `read_yolo` with the same arguments are relative to.

    Raises:
        InputError: data.yaml cannot be read.
    """
    return _open(path, root)[2]


def yolo_layout(path: str | Path, split: SplitName, root: str | Path | None = None) -> YoloLayout:
    """Find the images of a split and the classes.

    Args:
        path: data.yaml, or the folder of the data set.
        split: "train", "val" or "test".
        root: the folder that holds images and labels, where it is not that of data.yaml.

    Raises:
        InputError: a file or folder is missing or unusable, or lies outside of the data set.
    """
    file, document, folder = _open(path, root)
    classes = read_class_list(folder) if file is None else read_classes(file, document)
    if classes is None:
        raise InputError(f"{folder}: has neither data.yaml nor classes.txt; add one of them")
    if file is not None and _named_splits(document):
        images = _images(file, document, folder, split)
    else:
        images = _in_folder(folder, _split_folder(folder, split))
    return YoloLayout(file or folder, folder, images, classes)


def yolo_splits(path: str | Path, root: str | Path | None = None) -> dict[SplitName, bool]:
    """The splits that data.yaml names; those that have a folder where it names none.

    Whether what it names can be used is left to `yolo_layout`, which takes the same arguments.

    Returns:
        By split whether data.yaml names for it the very images that it names for training.

    Raises:
        InputError: data.yaml cannot be read.
    """
    _, document, folder = _open(path, root)
    named = _named_splits(document)
    if named:
        train = named.get("train")
        return {split: split != "train" and named[split] == train for split in named}
    found: dict[SplitName, bool] = {}
    for split in _ALSO:
        with suppress(InputError):
            _split_folder(folder, split)
            found[split] = False
    return found


def yolo_source_files(
    path: str | Path, split: SplitName, root: str | Path | None = None
) -> list[Path]:
    """data.yaml, or the folder, with the labels and the images of a split (`yolo_layout`)."""
    layout = yolo_layout(path, split, root)
    labels = [layout.folder / label_name(name) for name in layout.images]
    return [layout.file, *labels, *(layout.folder / name for name in layout.images)]


def label_name(image: str) -> str:
    """The label file of an image: the last folder `images` becomes `labels`, the suffix `.txt`."""
    parts = list(PurePosixPath(image).with_suffix(".txt").parts)
    for place in reversed(range(len(parts) - 1)):
        if parts[place] == "images":
            parts[place] = "labels"
            break
    return PurePosixPath(*parts).as_posix()


def _data_folder(file: Path, document: dict[str, Any]) -> Path:
    """`path` of data.yaml where it lies inside of the file's own folder, which it is without.

    Exports often name a folder of the machine they were made on.
    """
    value = document.get("path") or "."
    if isinstance(value, str) and "\0" not in value:
        inside = _relative(file.parent, value)
        if inside is not None and os.path.isdir(file.parent / inside):
            return file.parent / inside
    return file.parent


def _entries(document: dict[str, Any], split: SplitName) -> Any:
    """What data.yaml has for a split: a list where all is well, None for nothing."""
    entries = next((document[key] for key in _ALSO[split] if document.get(key)), None)
    return [entries] if isinstance(entries, str) else entries


def _named_splits(document: dict[str, Any]) -> dict[SplitName, Any]:
    """What data.yaml has for every split that it names."""
    return {split: entries for split in _ALSO if (entries := _entries(document, split))}


def _images(file: Path, document: dict[str, Any], folder: Path, split: SplitName) -> list[str]:
    entries = _entries(document, split)
    if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
        raise InputError(f"{file}: has no '{split}'; name the folder of its images")
    names: list[str] = []
    for entry in entries:
        # Some exports climb one folder too far ("../train/images").
        candidates = (_relative(folder, entry), _relative(folder, entry.removeprefix("../")))
        found = [c for c in candidates if c is not None and os.path.exists(folder / c)]
        if not found:
            raise InputError(
                f"{file}: '{split}' names {entry!r:.200}, which is not in {folder}; "
                "give the folder that holds images and labels"
            )
        if (folder / found[0]).is_dir():
            names += _in_folder(folder, folder / found[0])
        else:
            names += _in_list(folder, folder / found[0])
    return names


def _in_folder(folder: Path, images: Path) -> list[str]:
    inside = images.relative_to(folder)
    return [(inside / name).as_posix() for name in image_names(images)]


def _in_list(folder: Path, path: Path) -> list[str]:
    """Images that a text file lists, one a line, relative to itself or to the folder."""
    names = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        candidates = [_relative(folder, line.strip(), base) for base in (path.parent, folder)]
        inside = [name for name in candidates if name is not None]
        if not inside:
            raise InputError(
                f"{path}: line {number}: {line!r:.200} leads out of {folder}; "
                "make it relative to that folder"
            )
        names.append(next((n for n in inside if os.path.exists(folder / n)), inside[0]).as_posix())
    return names


def _split_folder(folder: Path, split: SplitName) -> Path:
    tries = [pattern for name in _ALSO[split] for pattern in (f"images/{name}", f"{name}/images")]
    split_up = any((folder / p).is_dir() for s in _ALSO for p in (f"images/{s}", f"{s}/images"))
    if split == "train" and not split_up:
        tries.append("images")  # a data set of one split
    for name in tries:
        if (folder / name).is_dir():
            return folder / name
    raise InputError(f"{folder}: has no folder images/{split}; give data.yaml or make the folder")


def _relative(folder: Path, name: str, base: Path | None = None) -> Path | None:
    """`name`, seen from `base`, relative to `folder`; None where it leads out.

    Links are not followed.
    """
    if not name or "\0" in name:
        return None
    inside = relative_name(os.path.join(base or folder, name), folder)
    return None if inside is None else Path(inside)
