"""COCO annotations: images, categories and objects with all parts and holes in one document."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from e2ec.results.formats.coco import coco_results
from e2ec.results.formats.item import ImageResult
from e2ec.results.formats.notes import Notes
from e2ec.results.formats.options import FormatOptions
from e2ec.results.instances import Instances

_ALL_DIGITS = 15


def annotation_files(
    items: Iterable[ImageResult], options: FormatOptions, notes: Notes
) -> Iterator[tuple[str, bytes]]:
    """`annotations.json`, of which the whole stands in memory while it is written.

    Objects without holes are polygons, one a part; those with holes and exact masks are compressed
    run lengths, which hold both exactly and which pycocotools reads as it reads polygons. Results
    carry their `score`.
    """
    document: dict[str, list[dict[str, Any]]] = {"images": [], "categories": [], "annotations": []}
    for item in items:
        contours = item.contours
        document["images"].append(_image(item))
        document["categories"] = document["categories"] or _categories(contours)
        for index, entry in enumerate(_entries(contours, item.image_id, options)):
            if item.labels:
                del entry["score"]
            number = len(document["annotations"]) + 1
            crowd = int(item.is_crowd(index))
            document["annotations"].append({"id": number, **entry, "iscrowd": crowd})
    yield "annotations.json", json.dumps(document, allow_nan=False).encode()


def result_files(
    items: Iterable[ImageResult], options: FormatOptions, notes: Notes
) -> Iterator[tuple[str, bytes]]:
    """`results.json`: the list that COCO's evaluators read, masks as run lengths; `images.json`
    says which image and which class its numbers mean, as COCO annotations without objects."""
    found: list[bytes] = []  # as text, which is smaller than the values
    images: list[dict[str, Any]] = []
    categories: list[dict[str, Any]] = []
    for item in items:
        images.append(_image(item))
        categories = categories or _categories(item.contours)
        entries = coco_results(
            item.contours, item.image_id, segmentation="rle", decimals=_digits(options)
        )
        found += [json.dumps(entry, allow_nan=False).encode() for entry in entries]
    yield "results.json", b"[" + b",\n".join(found) + b"]"
    document = {"images": images, "categories": categories, "annotations": []}
    yield "images.json", json.dumps(document).encode()


def _image(item: ImageResult) -> dict[str, Any]:
    size = {"height": item.contours.height, "width": item.contours.width}
    return {"id": item.image_id, "file_name": item.name, **size}


def _categories(contours: Instances) -> list[dict[str, Any]]:
    return [
        {"id": key, "name": name}
        for key, name in zip(contours.category_ids, contours.class_names, strict=True)
    ]


def _entries(
    contours: Instances, image_id: int, options: FormatOptions
) -> Iterator[dict[str, Any]]:
    """Results by instance: run lengths of masks and of what has holes, else polygons."""
    exact = np.array(
        [runs is not None or any(contours.holes[i]) for i, runs in enumerate(contours.runs)], bool
    )
    decimals = _digits(options)
    masks = iter(coco_results(contours[exact], image_id, segmentation="rle", decimals=decimals))
    plain = iter(coco_results(contours[~exact], image_id, decimals=decimals))
    for mask in exact:
        yield next(masks if mask else plain)


def _digits(options: FormatOptions) -> int:
    return _ALL_DIGITS if options.decimals is None else options.decimals
