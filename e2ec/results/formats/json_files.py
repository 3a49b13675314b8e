"""The formats of JSON files that `Contours` gives as documents: its own, LabelMe and GeoJSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from e2ec.results.formats.geojson import feature_collection
from e2ec.results.formats.item import ImageResult
from e2ec.results.formats.labelme import labelme_document
from e2ec.results.formats.native_writer import document
from e2ec.results.formats.notes import Notes
from e2ec.results.formats.options import FormatOptions

_ALL_DIGITS = 15


def image_document_files(
    items: Iterable[ImageResult], options: FormatOptions, notes: Notes
) -> Iterator[tuple[str, bytes]]:
    """`NAME.json` for every image, docs/contours.md."""
    for item in items:
        value = document([item.contours], decimals=_digits(options))
        yield f"{item.stem}.json", _text(value) + b"\n"


def native_files(
    items: Iterable[ImageResult], options: FormatOptions, notes: Notes
) -> Iterator[tuple[str, bytes]]:
    """`contours.json`, docs/contours.md."""
    value = document([item.contours for item in items], decimals=_digits(options))
    yield "contours.json", _text(value)


def labelme_files(
    items: Iterable[ImageResult], options: FormatOptions, notes: Notes
) -> Iterator[tuple[str, bytes]]:
    """`NAME.json` for every image, and `classes.json` with the category ids."""
    classes: dict[int, str] = {}
    for item in items:
        contours = item.contours
        classes = dict(zip(contours.category_ids, contours.class_names, strict=True))
        flags = [{"crowd": True} if item.is_crowd(i) else {} for i in range(len(contours))]
        yield (
            f"{item.stem}.json",
            _text(
                labelme_document(
                    contours,
                    item.shown_path,
                    decimals=options.decimals,
                    flags=flags,
                    scores=not item.labels,
                )
            ),
        )
    yield "classes.json", _text(classes)


def geojson_files(
    items: Iterable[ImageResult], options: FormatOptions, notes: Notes
) -> Iterator[tuple[str, bytes]]:
    """`NAME.geojson` for every image; all polygons are valid."""
    for item in items:
        value = feature_collection(item.contours, decimals=options.decimals)
        dropped = len(item.contours) - len(value["features"])
        if dropped:
            notes.left_out["objects without any area"] += dropped
        properties = [feature["properties"] for feature in value["features"]]
        notes.mended += [p["area_change_percent"] for p in properties if p.get("mended")]
        yield f"{item.stem}.geojson", _text(value)


def _digits(options: FormatOptions) -> int:
    return _ALL_DIGITS if options.decimals is None else options.decimals


def _text(value: Any) -> bytes:
    return json.dumps(value, allow_nan=False).encode()
