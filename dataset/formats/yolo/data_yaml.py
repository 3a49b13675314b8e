"""The data.yaml of a YOLO data set: finding it, reading it, and the classes in it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from lib.errors import InputError
from lib.files import read_text

# Far more than thousands of class names need; parsing takes time for every byte.
MAX_YAML_BYTES = 1 << 18
_MAX_YAML_DEPTH = 16
YAML_NAMES = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")


def find_yaml(path: Path) -> Path | None:
    """The data.yaml of a path; None where a folder has none.

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


def read_yaml(path: Path) -> dict[str, Any]:
    """A mapping whose values are texts, lists and mappings of texts.

    The base loader makes nothing but these (a class called "no" is not the truth value), and
    aliases, with which a few lines can ask for gigabytes, are refused.

    Raises:
        InputError: it cannot be read, or is no data.yaml.
    """
    if path.is_file() and path.stat().st_size > MAX_YAML_BYTES:
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


def read_classes(path: Path, document: dict[str, Any]) -> dict[int, str]:
    """Class names by category id, in order of the class index; `path` is the file, for messages.

    Raises:
        InputError: there are no names, or another number of them or of ids than the file says.
    """
    names = document.get("names")
    if isinstance(names, dict):
        wanted = [str(number) for number in range(len(names))]
        if sorted(names) != sorted(wanted):
            raise InputError(f"{path}: 'names' must number the classes 0, 1, 2, ...")
        names = [names[number] for number in wanted]
    if not isinstance(names, list) or not names or not all(isinstance(v, str) for v in names):
        raise InputError(f"{path}: 'names' must list the class names, e.g. names: [person, car]")
    # `nc` says the number of classes again; where it is another, one of the two is wrong.
    count = document.get("nc")
    if count not in (None, "") and _whole_number(count) != len(names):
        raise InputError(
            f"{path}: 'nc' is {count!r:.40} but 'names' lists {len(names)}; make them agree, or "
            "remove 'nc'"
        )
    # Our own addition: category ids as other formats have them.
    ids = document.get("category_ids")
    if ids is None:
        return dict(enumerate(names, start=1))
    if not isinstance(ids, list):
        ids = []
    numbers = [number for value in ids if (number := _whole_number(value)) is not None]
    if not len(ids) == len(numbers) == len(set(numbers)) == len(names):
        raise InputError(
            f"{path}: 'category_ids' must hold a number for each class; correct or remove"
        )
    return dict(zip(numbers, names, strict=True))


def _whole_number(value: Any) -> int | None:
    """The number that a text of the file is, None where it is none or absurdly large."""
    plain = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 9
    return int(value) if plain else None
