"""The project's own format: one JSON document for images, one JSON line a frame for videos.

docs/contours.md describes it, docs/contours.schema.json is its JSON Schema.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from e2ec.results.contours import ContourInstance, Contours
from e2ec.results.formats.rounding import rounded_numbers, rounded_ring, rounded_score
from lib.errors import InputError

FORMAT = "e2ec-contours"
VERSION = 1


def document(images: Sequence[Contours], *, decimals: int = 2) -> dict[str, Any]:
    """The document of several images that share their classes.

    Args:
        images: contours of each image; an empty sequence gives a document without classes.
        decimals: digits after the point of coordinates, boxes and areas (pixels).

    Raises:
        ValueError: the images have different classes.
    """
    first = images[0] if images else None
    for contours in images:
        if first is not None and _classes(contours) != _classes(first):
            raise ValueError("the images of one document must have the same classes")
    return {
        "format": FORMAT,
        "version": VERSION,
        "class_names": list(first.class_names) if first is not None else [],
        "category_ids": list(first.category_ids) if first is not None else [],
        "images": [_image_entry(contours, decimals) for contours in images],
    }


def frame_line(contours: Contours, *, frame: int, time_s: float, decimals: int = 2) -> str:
    """One line of a video's file: the document of one frame, with its number and its time.

    Args:
        contours: contours of the frame.
        frame: number of the frame, counted from 0.
        time_s: time of the frame from the start, in seconds.
        decimals: digits after the point of coordinates, boxes and areas (pixels).

    Returns:
        JSON text that ends in a newline.
    """
    line = {"frame": int(frame), "time_s": round(float(time_s), 6)}
    line.update(document([contours], decimals=decimals))
    return json.dumps(line, allow_nan=False) + "\n"


def read_document(value: Any, *, name: str = "contours") -> list[Contours]:
    """The contours in a document, one object per image.

    Boxes and areas are not read: they follow from the polygons.

    Args:
        value: the parsed JSON document, or one parsed line of a video's file.
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
        _read_image(image, class_names, category_ids, f"{name}: images[{i}]")
        for i, image in enumerate(images)
    ]


_DOCUMENT_KEYS = ("format", "version", "class_names", "category_ids", "images")
_IMAGE_KEYS = ("source", "width", "height", "instances")
_INSTANCE_KEYS = ("class", "class_index", "score", "box", "area", "parts")


def _classes(contours: Contours) -> tuple[tuple[str, ...], tuple[int, ...]]:
    return contours.class_names, contours.category_ids


def _image_entry(contours: Contours, decimals: int) -> dict[str, Any]:
    return {
        "source": contours.source,
        "width": contours.width,
        "height": contours.height,
        "instances": [_instance_entry(instance, decimals) for instance in contours],
    }


def _instance_entry(instance: ContourInstance, decimals: int) -> dict[str, Any]:
    # Box and area are those of the rounded polygons, so that a reader finds the same.
    instance = replace(instance, parts=[np.round(part, decimals) for part in instance.parts])
    return {
        "class": instance.class_name,
        "class_index": instance.label,
        "score": rounded_score(instance.score),
        "box": rounded_numbers(np.array(instance.box), decimals),
        "area": round(instance.area, decimals),
        "parts": [rounded_ring(part, decimals) for part in instance.parts],
    }


def _read_image(
    image: dict[str, Any], class_names: list[str], category_ids: list[int], where: str
) -> Contours:
    _check_keys(image, _IMAGE_KEYS, where)
    source = image["source"]
    if source is not None and not isinstance(source, str):
        raise InputError(f'{where}: "source" must be text or null')
    for key in ("width", "height"):
        if not _is_int(image[key]) or image[key] < 1:
            raise InputError(f'{where}: "{key}" must be a positive whole number')
    instances = [
        _read_instance(entry, class_names, f"{where}.instances[{i}]")
        for i, entry in enumerate(_list_of(image["instances"], dict, f'{where}: "instances"'))
    ]
    try:
        return Contours(
            height=image["height"],
            width=image["width"],
            class_names=tuple(class_names),
            labels=np.array([label for label, _, _ in instances], np.int64),
            scores=np.array([score for _, score, _ in instances], np.float64),
            parts=[parts for _, _, parts in instances],
            category_ids=tuple(category_ids),
            source=source,
        )
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error


def _read_instance(
    entry: dict[str, Any], class_names: list[str], where: str
) -> tuple[int, float, list[np.ndarray]]:
    _check_keys(entry, _INSTANCE_KEYS, where)
    label, score = entry["class_index"], entry["score"]
    if not _is_int(label) or not 0 <= label < len(class_names):
        raise InputError(f'{where}: "class_index" must be below {len(class_names)}, not {label!r}')
    if entry["class"] != class_names[label]:
        raise InputError(
            f'{where}: "class" {entry["class"]!r} is not class {label}, {class_names[label]!r}'
        )
    if not _is_number(score) or not 0 <= score <= 1:
        raise InputError(f'{where}: "score" must be a number from 0 to 1, not {score!r}')
    parts = _list_of(entry["parts"], list, f'{where}: "parts"')
    if not parts:
        raise InputError(f'{where}: "parts" is empty; an instance has at least one polygon')
    return label, float(score), [_read_part(p, f"{where}.parts[{i}]") for i, p in enumerate(parts)]


def _read_part(part: list[Any], where: str) -> np.ndarray:
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


def _is_number(value: Any) -> bool:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return False
    # Whole numbers have no upper limit in JSON, floating-point numbers do.
    return abs(value) <= sys.float_info.max
