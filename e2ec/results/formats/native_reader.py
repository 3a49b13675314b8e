"""Reading the project's own format (docs/contours.md)."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import numpy as np

from dataset.masks.run_lengths import run_lengths
from e2ec.results.formats.native_writer import FORMAT, VERSION
from e2ec.results.instances import AnyInstances, ContourInstance
from lib.errors import InputError


def read_images(
    value: Any, kind: type[AnyInstances], *, name: str = "contours"
) -> list[AnyInstances]:
    """The instances in a document, one object per image.

    Boxes and areas are not read: they follow from the polygons, as polygons and holes do from a
    mask where there is one.

    Args:
        value: the parsed JSON document, or one parsed line of a video's file.
        kind: what the objects are to be: `Instances`, or a class of it.
        name: name of the file, for messages.

    Raises:
        InputError: not a document of this format and version, or a value in it is unusable.
    """
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise InputError(f'{name}: not a contours document ("format" must be "{FORMAT}")')
    if not _is_int(value.get("version")) or value["version"] != VERSION:
        raise InputError(
            f"{name}: version {value.get('version')!r} is not known here (only {VERSION})"
        )
    _check_keys(value, _DOCUMENT_KEYS, f"{name}: document", optional=("frame", "time_s"))
    if not _is_int(value.get("frame", 0)) or not _is_number(value.get("time_s", 0)):
        raise InputError(f'{name}: "frame" must be a whole number and "time_s" a number')
    class_names = _list_of(value["class_names"], str, f'{name}: "class_names"')
    category_ids = _list_of(value["category_ids"], int, f'{name}: "category_ids"')
    images = _list_of(value["images"], dict, f'{name}: "images"')
    return [
        _read_image(image, kind, class_names, category_ids, f"{name}: images[{i}]")
        for i, image in enumerate(images)
    ]


_DOCUMENT_KEYS = ("format", "version", "class_names", "category_ids", "images")
_IMAGE_KEYS = ("source", "width", "height", "instances")
_INSTANCE_KEYS = ("class", "class_index", "score", "box", "area", "parts")


def _read_image(
    image: dict[str, Any],
    kind: type[AnyInstances],
    class_names: list[str],
    category_ids: list[int],
    where: str,
) -> AnyInstances:
    _check_keys(image, _IMAGE_KEYS, where)
    source = image["source"]
    if source is not None and not isinstance(source, str):
        raise InputError(f'{where}: "source" must be text or null')
    for key in ("width", "height"):
        if not _is_int(image[key]) or image[key] < 1:
            raise InputError(f'{where}: "{key}" must be a positive whole number')
    size = image["height"], image["width"]
    entries = [
        _read_instance(entry, class_names, size, f"{where}.instances[{i}]")
        for i, entry in enumerate(_list_of(image["instances"], dict, f'{where}: "instances"'))
    ]
    try:
        return kind(
            height=image["height"],
            width=image["width"],
            class_names=tuple(class_names),
            labels=np.array([entry.label for entry in entries], np.int64),
            scores=np.array([entry.score for entry in entries], np.float64),
            parts=[entry.parts for entry in entries],
            category_ids=tuple(category_ids),
            source=source,
            holes=[entry.holes for entry in entries],
            runs=[entry.runs for entry in entries],
            track_ids=_track_ids([entry.track_id for entry in entries], where),
        )
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error


def _read_instance(
    entry: dict[str, Any], class_names: list[str], size: tuple[int, int], where: str
) -> ContourInstance:
    """An instance as the document has it; without polygons where it is a mask."""
    _check_keys(entry, _INSTANCE_KEYS, where, optional=("holes", "counts", "track_id"))
    label, score = entry["class_index"], entry["score"]
    if not _is_int(label) or not 0 <= label < len(class_names):
        raise InputError(f'{where}: "class_index" must be below {len(class_names)}, not {label!r}')
    if entry["class"] != class_names[label]:
        raise InputError(
            f'{where}: "class" {entry["class"]!r} is not class {label}, {class_names[label]!r}'
        )
    if not _is_number(score) or not 0 <= score <= 1:
        raise InputError(f'{where}: "score" must be a number from 0 to 1, not {score!r}')
    parts = _read_rings(entry["parts"], f"{where}.parts", f'{where}: "parts"')
    if not parts:
        raise InputError(f'{where}: "parts" is empty; an instance has at least one polygon')
    inner = _list_of(entry.get("holes", []), list, f'{where}: "holes"')
    holes = [
        _read_rings(rings, f"{where}.holes[{i}]", f'{where}: "holes[{i}]"')
        for i, rings in enumerate(inner)
    ]
    track_id = entry.get("track_id")
    if "track_id" in entry and not _is_track(track_id):
        raise InputError(f'{where}: "track_id" must be a whole number from -1, not {track_id!r}')
    runs = None
    if "counts" in entry:
        parts, holes, runs = [], [], _read_counts(entry["counts"], size, where)
    name = class_names[label]
    return ContourInstance(label, name, float(score), parts, holes, runs, track_id)


def _track_ids(ids: list[int | None], where: str) -> np.ndarray | None:
    """(n,) int64, or None where no instance has one."""
    if all(number is None for number in ids):
        return None
    if any(number is None for number in ids):
        raise InputError(f'{where}: "track_id" must be in all instances or in none')
    return np.array(ids, np.int64)


def _read_rings(value: Any, where: str, what: str) -> list[np.ndarray]:
    return [_read_ring(ring, f"{where}[{i}]") for i, ring in enumerate(_list_of(value, list, what))]


def _read_counts(counts: Any, size: tuple[int, int], where: str) -> np.ndarray:
    if not isinstance(counts, str):
        raise InputError(f'{where}: "counts" must be compressed run lengths as text')
    try:
        return run_lengths(counts, *size)
    except ValueError as error:  # what is not ASCII is one of them
        raise InputError(f'{where}: "counts" cannot be read ({error})') from error


def _read_ring(part: list[Any], where: str) -> np.ndarray:
    if len(part) < 3:
        raise InputError(f"{where}: a polygon needs at least three points, not {len(part)}")
    for point in part:
        if not (isinstance(point, list) and len(point) == 2 and all(map(_is_number, point))):
            raise InputError(f"{where}: a point must be [x, y] with finite numbers, not {point!r}")
    return np.array(part, np.float64)


def _check_keys(
    mapping: dict[str, Any], keys: Iterable[str], where: str, *, optional: Iterable[str] = ()
) -> None:
    missing = sorted(set(keys) - mapping.keys())
    unknown = sorted(mapping.keys() - set(keys) - set(optional))
    if missing:
        raise InputError(f'{where}: "{missing[0]}" is missing')
    if unknown:
        raise InputError(f'{where}: "{unknown[0]}" is not part of the format')


def _list_of(value: Any, kind: type, what: str) -> list[Any]:
    wrong = not isinstance(value, list) or not all(
        isinstance(item, kind) and not isinstance(item, bool) for item in value
    )
    if wrong:
        raise InputError(f"{what} must be a list of {_KIND_NAMES[kind]}")
    return value


_KIND_NAMES = {str: "texts", int: "whole numbers", dict: "objects", list: "lists"}


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_track(value: Any) -> bool:
    return _is_int(value) and -1 <= value < 2**63


def _is_number(value: Any) -> bool:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    # Whole numbers have no upper limit in JSON, floating-point numbers do.
    return abs(value) <= sys.float_info.max
