"""Which format the labels at a path are in, told from what lies there."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Literal

from dataset.formats.class_list import CLASSES_JSON, CLASSES_TXT
from dataset.formats.yolo.data_yaml import YAML_NAMES, names_classes
from lib.errors import InputError

Format = Literal["coco", "yolo", "labelme", "masks", "sbd", "kins", "cityscapes"]

_KINS_KEYS = (b'"a_segm"', b'"i_segm"', b'"inmodal_seg"')
_COCO_KEYS = (b'"images"', b'"annotations"')
# JSON files of a folder that are looked into before giving up.
_MOST_FILES = 20


def detect_format(path: str | Path) -> Format:
    """The format of a label file, or of a folder that holds a data set.

    Args:
        path: a JSON file (COCO, KINS or LabelMe), YOLO's data.yaml, or a folder.

    Raises:
        InputError: nothing is there, or nothing that is known.
    """
    path = Path(path)
    found = _of_folder(path) if path.is_dir() else _of_file(path)
    if found is None:
        raise InputError(
            f"{path}: no labels of a known format; give a COCO JSON file, YOLO's data.yaml, or a "
            "folder of COCO, YOLO, LabelMe, instance masks, SBD, KINS or Cityscapes"
        )
    return found


def coco_files(folder: Path) -> list[Path]:
    """The COCO annotation files of a folder or its `annotations`, sorted by name.

    Where some are called `instances_...`, as COCO calls them, the others (captions, key points) are
    not among them.
    """
    places = [folder, folder / "annotations", *sorted(p for p in folder.glob("*") if p.is_dir())]
    files = dict.fromkeys(file for place in places for file in sorted(place.glob("*.json")))
    known = [file for file in files if file.name.startswith("instances_")]
    return known or [file for file in islice(files, _MOST_FILES) if _by_keys(file) == "coco"]


def kins_files(folder: Path) -> list[Path]:
    """The label files of KINS in a folder, in folders of it and below, sorted by name."""
    return sorted(file for file in _json_files(folder) if _by_keys(file) == "kins")


def has_json(folder: Path) -> bool:
    """Whether there are JSON files below a folder, lists of classes aside."""
    return any(_json_files(folder))


def _of_file(path: Path) -> Format | None:
    suffix = path.suffix.lower()
    if suffix in (".yaml", ".yml"):
        return "yolo"
    # A JSON file without the keys may be damaged, or hold images alone: its reader says so.
    return _by_keys(path) or ("coco" if suffix == ".json" else None)


def _by_keys(path: Path) -> Format | None:
    """The format of a JSON file by the keys that occur anywhere in it."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            if any(text.find(key) >= 0 for key in _KINS_KEYS):
                return "kins"
            if all(text.find(key) >= 0 for key in _COCO_KEYS):
                return "coco"
            return "labelme" if text.find(b'"shapes"') >= 0 else None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except ValueError:
        return None  # an empty file


def _of_folder(folder: Path) -> Format | None:
    def has(*names: str) -> bool:
        return any((folder / name).is_dir() for name in names)

    if has("gtFine"):
        return "cityscapes"
    if has("inst", "dataset/inst", "benchmark_RELEASE/dataset/inst"):
        return "sbd"
    if has("training/image_2", "testing/image_2"):
        return "kins"
    if _is_yolo(folder):
        return "yolo"
    if coco_files(folder):
        return "coco"
    if any(_by_keys(file) == "labelme" for file in islice(_json_files(folder), _MOST_FILES)):
        return "labelme"
    return (
        "masks" if has("masks", "train/masks") or any((folder / "labels").rglob("*.png")) else None
    )


def _is_yolo(folder: Path) -> bool:
    """Whether there is a data.yaml, or text files where YOLO's labels lie.

    Other formats have a folder `labels` too, and LabelMe may have a list of classes in it.
    """
    if any((folder / name).is_file() for name in YAML_NAMES):
        return True
    if any(names_classes(file) for file in folder.glob("*.yaml")):
        return True
    places = (folder / "labels", folder / "train" / "labels")
    if not any(file.name != CLASSES_TXT for place in places for file in place.rglob("*.txt")):
        return False
    # Texts beside JSON files may be anything, unless the classes stand where YOLO has them.
    return (folder / CLASSES_TXT).is_file() or not any(map(any, map(_json_files, places)))


def _json_files(folder: Path) -> Iterator[Path]:
    """All JSON files below a folder but lists of classes."""
    found = (path for path in folder.rglob("*.json") if path.name != CLASSES_JSON)
    return (path for path in found if path.is_file())
