"""Reading a COCO annotation file into a checked index.

Everything a file can get wrong is found here, before training starts, and reported.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from dataset.index_builder import MAX_SIDE, IndexBuilder
from dataset.json_stream import stream_members
from dataset.label_index import LabelIndex
from dataset.problems import Report, strict
from dataset.rle import run_lengths
from lib.errors import InputError

Mask = tuple[np.ndarray, tuple[int, int]]
"""Run lengths, and (height, width)."""

# Ids are kept in 64 bits; evaluators keep them in the 53 of a float.
_LARGEST_ID = 2**53


class Unusable(Exception):
    """An entry cannot be read: what kind of problem, what it is in words, and the remedy."""

    def __init__(self, kind: str, what: str, remedy: str) -> None:
        super().__init__(kind, what, remedy)
        self.kind, self.what, self.remedy = kind, what, remedy


def read_coco(path: str | Path, report: Report = strict) -> LabelIndex:
    """Read and check a COCO instance annotation file.

    Polygons of fewer than three points are left out, and so are annotations without any polygon.
    Missing `bbox`, `area`, `iscrowd` and annotation `id` are filled in. A file without the list
    `annotations` (COCO's image_info_*.json) gives images without labels.

    Args:
        path: the file.
        report: told what is wrong with single entries, which are left out then.

    Raises:
        InputError: the file is not JSON or not COCO; from `strict`: an annotation names an unknown
            image or category or holds unusable coordinates; an id appears twice; a file name leads
            out of the image folder.
    """
    reader = CocoReader(path, report)
    members = stream_members(
        path,
        {
            "images": reader.image,
            "categories": reader.category,
            "annotations": reader.annotation,
        },
    )
    for key in ("images", "categories", "annotations"):
        if key == "annotations" and key not in members and "images" in members:
            continue
        if not members.get(key):
            raise InputError(
                f"{path}: not a COCO file ('{key}' is not a list of objects); "
                "give an instance annotation file in COCO format"
            )
    return reader.builder.finish(labelled="annotations" in members)


class CocoReader:
    """Takes the entries of a COCO file one by one into `builder`."""

    def __init__(self, path: str | Path, report: Report = strict) -> None:
        self.path = path
        self.builder = IndexBuilder(str(path), report)
        self._counts = {"image": 0, "category": 0, "annotation": 0}

    def image(self, entry: Any) -> None:
        """An entry of `images`."""
        item = self._begin("image", entry)
        try:
            image_id = whole_number(entry.get("id"), "'id'")
            item = f"image {image_id}"
            name = entry.get("file_name")
            if not isinstance(name, str) or not name or "\0" in name:
                raise Unusable("file name", "'file_name' must be the name of a file", "correct it")
            width = whole_number(entry.get("width"), "'width'")
            height = whole_number(entry.get("height"), "'height'")
            self.builder.add_image(image_id, name, width, height)
        except Unusable as error:
            self.builder.problem(item, error.kind, error.what, error.remedy)

    def category(self, entry: Any) -> None:
        """An entry of `categories`."""
        item = self._begin("category", entry)
        try:
            key = whole_number(entry.get("id"), "'id'")
            name = entry.get("name", str(key))
            if not isinstance(name, str):
                raise Unusable(
                    "category name", f"category {key}: 'name' must be text", "correct it"
                )
            self.builder.add_category(key, name)
        except Unusable as error:
            self.builder.problem(item, error.kind, error.what, error.remedy)

    def annotation(self, entry: Any) -> None:
        """An entry of `annotations`."""
        item = self._begin("annotation", entry)
        try:
            key = whole_number(entry["id"], "'id'") if "id" in entry else None
            item = item if key is None else f"annotation {key}"
            crowd = entry.get("iscrowd", 0)
            if crowd not in (0, 1):
                raise Unusable("crowd flag", "'iscrowd' must be 0 or 1", "correct it")
            polygons, mask = read_segmentation(entry.get("segmentation"))
            self.builder.add(
                id=key,
                image_id=whole_number(entry.get("image_id"), "'image_id'"),
                category_id=whole_number(entry.get("category_id"), "'category_id'"),
                crowd=bool(crowd),
                polygons=polygons,
                runs=None if mask is None else mask[0],
                size=None if mask is None else mask[1],
                area=entry.get("area"),
                bbox=entry.get("bbox"),
            )
        except Unusable as error:
            self.builder.problem(item, error.kind, error.what, error.remedy)

    def _begin(self, kind: str, entry: Any) -> str:
        """Count an entry; what messages call it until its id is known."""
        number = self._counts[kind]
        self._counts[kind] += 1
        if not isinstance(entry, dict):
            plural = {"image": "images", "category": "categories", "annotation": "annotations"}
            raise InputError(
                f"{self.path}: not a COCO file ('{plural[kind]}' is not a list of objects); "
                "give an instance annotation file in COCO format"
            )
        return f"{kind} number {number}"


def read_segmentation(value: Any) -> tuple[list[list[float]], Mask | None]:
    """COCO's `segmentation`: a list of polygons, not looked at yet, or a mask; never both.

    Raises:
        Unusable: neither, or a malformed mask.
    """
    if isinstance(value, dict):
        return [], _read_mask(value)
    if not isinstance(value, list):
        what = "'segmentation' must be a list of polygons or a mask"
        raise Unusable("no contour", what, "correct or remove the annotation")
    return value, None


def whole_number(value: Any, name: str) -> int:
    """An id or a size.

    Raises:
        Unusable: not a whole number, or one that evaluators cannot hold.
    """
    if type(value) is not int or abs(value) > _LARGEST_ID:
        raise Unusable(
            "bad number", f"{name} must be a whole number, not {value!r:.40}", "correct it"
        )
    return value


def _read_mask(value: dict[str, Any]) -> Mask:
    remedy = "export it again"
    match value.get("size"):
        case [int(height), int(width)] if 0 < min(height, width) <= max(height, width) <= MAX_SIDE:
            try:
                return run_lengths(value.get("counts", []), height, width), (height, width)
            except (ValueError, OverflowError) as error:
                raise Unusable("bad mask", f"mask cannot be read ({error})", remedy) from None
    raise Unusable("bad mask", "the mask's 'size' must be [height, width]", remedy)
