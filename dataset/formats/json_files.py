"""JSON files of a folder, and what occurs in one of them."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

from dataset.formats.class_list import CLASSES_JSON
from lib.errors import InputError

MOST_FILES = 20
"""How many files of a folder are looked into before giving up."""


def json_files(folder: Path) -> Iterator[Path]:
    """All JSON files below a folder but lists of classes."""
    found = (path for path in folder.rglob("*.json") if path.name != CLASSES_JSON)
    return (path for path in found if path.is_file())


def json_holds(path: Path, *keys: str) -> bool:
    """Whether all keys occur anywhere in a JSON file, in quotes; it is not parsed.

    False for YAML, where classes may be called like keys.

    Raises:
        InputError: the file cannot be read.
    """
    if path.suffix.lower() in (".yaml", ".yml"):
        return False
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            return all(text.find(f'"{key}"'.encode()) >= 0 for key in keys)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except ValueError:
        return False  # an empty file


def is_kins_file(path: Path) -> bool:
    """Whether a JSON file has fields of KINS' annotations, which is COCO's format otherwise."""
    return any(json_holds(path, key) for key in ("a_segm", "i_segm", "inmodal_seg"))
