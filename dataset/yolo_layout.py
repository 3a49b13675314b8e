"""Where a YOLO data set (Ultralytics layout) has its images, labels and class names.

Either a `data.yaml` says it, or the folders do: `images/train` with `labels/train`, or, as some
tools export it, `train/images` with `train/labels`; the class names then stand in `classes.txt`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import yaml

from dataset.class_list import read_class_list
from dataset.image_folder import image_names
from dataset.index_inputs import relative_name
from lib.errors import InputError
from lib.files import read_text

Split = Literal["train", "val", "test"]

# Far more than thousands of class names need; parsing takes time for every byte.
MAX_YAML_BYTES = 1 << 18
_MAX_YAML_DEPTH = 16
YAML_NAMES = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
# Other names of the splits, in data.yaml and as folders.
_ALSO: dict[Split, tuple[str, ...]] = {
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
        class_names: by class index.
        category_ids: by class index; index + 1 where the file does not say them.
    """

    file: Path
    folder: Path
    images: list[str]
    class_names: list[str]
    category_ids: list[int]


def yolo_image_folder(path: str | Path, root: str | Path | None = None) -> Path:
    """What the image names of `read_yolo` with the same arguments are relative to.

    Raises:
        InputError: data.yaml cannot be read.
    """
    path = Path(path)
    file = find_yaml(path)
    if root is not None:
        return Path(root)
    return path if file is None else _data_folder(file, _read_yaml(file))


def yolo_layout(path: str | Path, split: Split, root: str | Path | None = None) -> YoloLayout:
    """Find the images of a split and the classes.

    Args:
        path: data.yaml, or the folder of the data set.
        split: "train", "val" or "test".
        root: the folder that holds images and labels, where it is not that of data.yaml.

    Raises:
        InputError: a file or folder is missing or unusable, or lies outside of the data set.
    """
    path = Path(path)
    folder = yolo_image_folder(path, root)
    file = find_yaml(path)
    if file is None:
        classes = read_class_list(folder)
        if classes is None:
            raise InputError(f"{folder}: has neither data.yaml nor classes.txt; add one of them")
        images = _in_folder(folder, _split_folder(folder, split))
        return YoloLayout(folder, folder, images, list(classes.values()), list(classes))
    document = _read_yaml(file)
    names = _class_names(file, document.get("names"))
    ids = _category_ids(file, document.get("category_ids"), len(names))
    return YoloLayout(file, folder, _images(file, document, folder, split), names, ids)


def yolo_splits(path: str | Path, root: str | Path | None = None) -> list[Split]:
    """The splits that data.yaml names, or that have a folder where there is none.

    Whether what it names can be used is left to `yolo_layout`, which takes the same arguments.

    Raises:
        InputError: data.yaml cannot be read.
    """
    path = Path(path)
    file = find_yaml(path)
    if file is not None:
        document = _read_yaml(file)
        return [split for split in _ALSO if any(document.get(key) for key in _ALSO[split])]
    found: list[Split] = []
    for split in _ALSO:
        try:
            _split_folder(path if root is None else Path(root), split)
        except InputError:
            continue
        found.append(split)
    return found


def label_name(image: str) -> str:
    """The label file of an image: the last folder `images` becomes `labels`, the suffix `.txt`."""
    parts = list(PurePosixPath(image).with_suffix(".txt").parts)
    for place in reversed(range(len(parts) - 1)):
        if parts[place] == "images":
            parts[place] = "labels"
            break
    return PurePosixPath(*parts).as_posix()


def find_yaml(path: Path) -> Path | None:
    """The data.yaml of a path, None for a folder without.

    Raises:
        InputError: nothing is there.
    """
    if path.is_file():
        return path
    if not path.is_dir():
        raise InputError(f"{path}: not found; give data.yaml or the folder of the data set")
    known = [path / name for name in YAML_NAMES if (path / name).is_file()]
    # Other programs leave YAML files too.
    others = sorted(file for file in path.glob("*.yaml") if names_classes(file))
    return known[0] if known else others[0] if len(others) == 1 else None


def names_classes(file: Path) -> bool:
    """Whether this is a YAML file with the key `names`, which a data.yaml has, however called."""
    try:
        with file.open("rb") as stream:
            text = stream.read(MAX_YAML_BYTES)
    except OSError:
        return False
    return re.search(rb"""^["']?names["']?[ \t]*:""", text, re.MULTILINE) is not None


def _read_yaml(path: Path) -> dict[str, Any]:
    """A mapping whose values are texts, lists and mappings of texts.

    The base loader makes nothing but these (a class called "no" is not the truth value), and
    aliases, with which a few lines can ask for gigabytes, are refused.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    if size > MAX_YAML_BYTES:
        raise InputError(f"{path}: larger than {MAX_YAML_BYTES} bytes; not a data.yaml")
    text = read_text(path)
    try:
        depth = 0
        for event in yaml.parse(text, Loader=yaml.BaseLoader):
            if isinstance(event, yaml.AliasEvent):
                raise InputError(f"{path}: uses YAML aliases (*name); write the values out")
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > _MAX_YAML_DEPTH:  # time grows with the square of the depth
                raise InputError(f"{path}: nested too deeply; not a data.yaml")
        document = yaml.load(text, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = str(error).replace("\n", " ")
        raise InputError(f"{path}: not valid YAML ({reason:.200})") from error
    if not isinstance(document, dict):
        raise InputError(f"{path}: not a data.yaml; it must list 'train', 'val' and 'names'")
    return document


def _class_names(path: Path, value: Any) -> list[str]:
    if isinstance(value, dict):
        wanted = [str(number) for number in range(len(value))]
        if sorted(value) != sorted(wanted):
            raise InputError(f"{path}: 'names' must number the classes 0, 1, 2, ...")
        value = [value[number] for number in wanted]
    if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
        raise InputError(f"{path}: 'names' must list the class names, e.g. names: [person, car]")
    return value


def _category_ids(path: Path, value: Any, count: int) -> list[int]:
    """Our own addition: category ids as other formats have them."""
    if value is None:
        return list(range(1, count + 1))
    if isinstance(value, list) and len(value) == count and len(set(map(str, value))) == count:
        digits = [v for v in value if isinstance(v, str) and v.isascii() and v.isdigit()]
        if len(digits) == count and max(map(len, digits)) <= 9:
            return [int(v) for v in digits]
    raise InputError(f"{path}: 'category_ids' must hold a number for each class; correct or remove")


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


def _images(file: Path, document: dict[str, Any], folder: Path, split: Split) -> list[str]:
    entries = next((document[key] for key in _ALSO[split] if document.get(key)), None)
    entries = [entries] if isinstance(entries, str) else entries
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


def _split_folder(folder: Path, split: Split) -> Path:
    tries = [pattern for name in _ALSO[split] for pattern in (f"images/{name}", f"{name}/images")]
    split_up = any((folder / p).is_dir() for s in _ALSO for p in (f"images/{s}", f"{s}/images"))
    if split == "train" and not split_up:
        tries.append("images")  # a data set of one part
    for name in tries:
        if (folder / name).is_dir():
            return folder / name
    raise InputError(f"{folder}: has no folder images/{split}; give data.yaml or make the folder")


def _relative(folder: Path, name: str, base: Path | None = None) -> Path | None:
    """`name`, seen from `base`, relative to `folder`; None where it leads out. Links count not."""
    if not name or "\0" in name:
        return None
    inside = relative_name(os.path.join(base or folder, name), folder)
    return None if inside is None else Path(inside)
