"""The list of classes beside labels: `classes.json` with category ids, or `classes.txt`."""

from __future__ import annotations

from pathlib import Path

from lib.errors import InputError
from lib.files import read_json, read_text

CLASSES_JSON = "classes.json"
CLASSES_TXT = "classes.txt"


def has_class_list(folder: Path) -> bool:
    """Whether a folder has a list of classes."""
    return (folder / CLASSES_JSON).exists() or (folder / CLASSES_TXT).exists()


def read_class_list(folder: Path) -> dict[int, str] | None:
    """Class names by category id, or None where the folder has no list.

    `classes.json` holds {"1": "person", ...}; `classes.txt` one name a line, the first being
    category 1.

    Raises:
        InputError: the list is there and unusable.
    """
    path = folder / CLASSES_JSON
    if path.exists():
        return _by_id(path)
    path = folder / CLASSES_TXT
    if not path.exists():
        return None
    names = [line.strip() for line in read_text(path).splitlines() if line.strip()]
    if len(set(names)) < len(names) or not names:
        raise InputError(f"{path}: must list every class once; write one name a line")
    return dict(enumerate(names, start=1))


def _by_id(path: Path) -> dict[int, str]:
    document = read_json(path)
    if not isinstance(document, dict) or not document:
        raise InputError(f'{path}: not a list of classes; write {{"1": "person", ...}}')
    names: dict[int, str] = {}
    for key, name in document.items():
        if not (key.isascii() and key.isdigit() and len(key) <= 9) or not isinstance(name, str):
            raise InputError(
                f"{path}: class {key!r:.40} must be a category id with a name; "
                'write {"1": "person", ...}'
            )
        names[int(key)] = name
    return dict(sorted(names.items()))
