"""Reading a COCO annotation file into checked records.

Everything a file can get wrong is found here, before training starts, and reported as one line.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np

from dataset.rle import decode_mask, run_lengths
from lib.errors import InputError
from lib.files import read_json
from lib.geometry import area

# A coordinate beyond this is a mistake, and large enough to make rasterisers run out of memory.
MAX_COORDINATE = 1e6


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """An entry of `images`: id, file name relative to the image folder, size in pixels."""

    id: int
    name: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class AnnotationRecord:
    """An entry of `annotations`; `runs` is set where the segmentation is a run-length mask.

    `polygons` are (n, 2) float64 arrays, x then y, original pixels; `bbox` is x, y, width, height.
    """

    id: int
    image_id: int
    category_id: int
    crowd: bool
    polygons: list[np.ndarray]
    runs: np.ndarray | None
    area: float
    bbox: tuple[float, float, float, float]


@dataclass(frozen=True)
class CocoDocument:
    """A whole annotation file; `categories` maps category ids to names, ids ascending."""

    images: list[ImageRecord]
    categories: dict[int, str]
    annotations: list[AnnotationRecord]


def read_coco(path: str | Path) -> CocoDocument:
    """Read and check a COCO instance annotation file.

    Polygons of fewer than three points are left out, and so are annotations without any polygon.
    Missing `bbox`, `area`, `iscrowd` and annotation `id` are filled in.

    Raises:
        InputError: the file is not JSON or not COCO; an annotation names an unknown image or
            category or holds unusable coordinates; an id appears twice; a file name leads out of
            the image folder.
    """
    document = read_json(path)
    if not isinstance(document, dict):
        raise InputError(f"{path}: not a COCO file (the top level is not an object)")
    for key in ("images", "annotations", "categories"):
        entries = document.get(key)
        if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
            raise InputError(
                f"{path}: not a COCO file ('{key}' is not a list of objects); "
                "give an instance annotation file in COCO format"
            )
    images = _read_images(path, document["images"])
    categories = _read_categories(path, document["categories"])
    by_id = {image.id: image for image in images}
    annotations = _read_annotations(path, document["annotations"], by_id, categories)
    return CocoDocument(images, categories, annotations)


def to_coco_dict(
    images: Iterable[ImageRecord],
    categories: dict[int, str],
    annotations: Iterable[AnnotationRecord],
) -> dict[str, Any]:
    """The records as a COCO dictionary with every field that pycocotools expects."""
    images = list(images)
    sizes = {image.id: [image.height, image.width] for image in images}
    return {
        "info": {},
        "licenses": [],
        "images": [
            {"id": i.id, "file_name": i.name, "width": i.width, "height": i.height} for i in images
        ],
        "categories": [{"id": key, "name": name} for key, name in categories.items()],
        "annotations": [
            {
                "id": a.id,
                "image_id": a.image_id,
                "category_id": a.category_id,
                "iscrowd": int(a.crowd),
                "area": a.area,
                "bbox": list(a.bbox),
                "segmentation": [p.ravel().tolist() for p in a.polygons]
                if a.runs is None
                else {"size": sizes[a.image_id], "counts": a.runs.tolist()},
            }
            for a in annotations
        ],
    }


def _read_images(path: str | Path, entries: list[dict[str, Any]]) -> list[ImageRecord]:
    records: dict[int, ImageRecord] = {}
    for position, entry in enumerate(entries):
        image_id = _whole_number(entry.get("id"), f"{path}: image number {position}: 'id'")
        where = f"{path}: image {image_id}"
        if image_id in records:
            raise InputError(f"{where}: the id appears twice; give every image an id of its own")
        name = entry.get("file_name")
        if not isinstance(name, str) or not name or "\0" in name:
            raise InputError(f"{where}: 'file_name' must be the name of a file")
        for flavour in (PurePosixPath(name), PureWindowsPath(name)):
            if flavour.is_absolute() or flavour.drive or flavour.root or ".." in flavour.parts:
                raise InputError(
                    f"{where}: file name {name!r} leads out of the image folder; "
                    "make it relative to the folder"
                )
        width = _whole_number(entry.get("width"), f"{where}: 'width'")
        height = _whole_number(entry.get("height"), f"{where}: 'height'")
        if width < 1 or height < 1:
            raise InputError(f"{where}: 'width' and 'height' must be positive")
        records[image_id] = ImageRecord(image_id, name, width, height)
    return list(records.values())


def _read_categories(path: str | Path, entries: list[dict[str, Any]]) -> dict[int, str]:
    if not entries:
        raise InputError(f"{path}: 'categories' is empty; list at least one category")
    names: dict[int, str] = {}
    for position, entry in enumerate(entries):
        key = _whole_number(entry.get("id"), f"{path}: category number {position}: 'id'")
        name = entry.get("name", str(key))
        if not isinstance(name, str):
            raise InputError(f"{path}: category {key}: 'name' must be text")
        if key in names:
            raise InputError(f"{path}: category {key}: the id appears twice; keep one of them")
        names[key] = name
    return dict(sorted(names.items()))


def _read_annotations(
    path: str | Path,
    entries: list[dict[str, Any]],
    images: dict[int, ImageRecord],
    categories: dict[int, str],
) -> list[AnnotationRecord]:
    records = []
    used: set[int] = set()
    spare = 1 + max((e["id"] for e in entries if isinstance(e.get("id"), int)), default=0)
    for position, entry in enumerate(entries):
        if "id" in entry:
            key = _whole_number(entry["id"], f"{path}: annotation number {position}: 'id'")
        else:
            key = spare + position
        where = f"{path}: annotation {key}"
        if key in used:
            raise InputError(f"{where}: the id appears twice; give every annotation its own")
        used.add(key)
        image = images.get(_whole_number(entry.get("image_id"), f"{where}: 'image_id'"))
        if image is None:
            raise InputError(
                f"{where}: image {entry['image_id']} is not in 'images'; "
                "add the image or remove the annotation"
            )
        if _whole_number(entry.get("category_id"), f"{where}: 'category_id'") not in categories:
            raise InputError(
                f"{where}: category {entry['category_id']} is not in 'categories'; "
                "add the category or correct the annotation"
            )
        record = _read_annotation(where, key, entry, image)
        if record is not None:
            records.append(record)
    return records


def _read_annotation(
    where: str, key: int, entry: dict[str, Any], image: ImageRecord
) -> AnnotationRecord | None:
    crowd = entry.get("iscrowd", 0)
    if crowd not in (0, 1):
        raise InputError(f"{where}: 'iscrowd' must be 0 or 1")
    polygons, runs = _read_segmentation(where, entry.get("segmentation"), image)
    if runs is None and not polygons:
        return None
    box = _numbers(entry["bbox"], f"{where}: 'bbox'") if entry.get("bbox") is not None else None
    if box is not None and len(box) != 4:
        raise InputError(f"{where}: 'bbox' must be x, y, width, height")
    size = entry.get("area")
    if size is None:
        size = float(runs[1::2].sum()) if runs is not None else float(sum(map(area, polygons)))
    size = float(_numbers([size], f"{where}: 'area'")[0])
    if box is None:
        box = _bounding_box(polygons, runs, image)
    corners = (float(box[0]), float(box[1]), float(box[2]), float(box[3]))
    return AnnotationRecord(
        key, image.id, entry["category_id"], bool(crowd), polygons, runs, size, corners
    )


def _read_segmentation(
    where: str, segmentation: Any, image: ImageRecord
) -> tuple[list[np.ndarray], np.ndarray | None]:
    """Polygons, or the run lengths of a mask; never both."""
    if isinstance(segmentation, dict):
        if segmentation.get("size") != [image.height, image.width]:
            raise InputError(
                f"{where}: the mask's 'size' is not [height, width] of image {image.id}, "
                f"[{image.height}, {image.width}]; correct one of them"
            )
        try:
            return [], run_lengths(segmentation.get("counts", []), image.height, image.width)
        except (ValueError, OverflowError) as error:
            raise InputError(f"{where}: mask cannot be read ({error}); export it again") from None
    if not isinstance(segmentation, list):
        raise InputError(f"{where}: 'segmentation' must be a list of polygons or a mask")
    polygons = []
    for part in segmentation:
        values = _numbers(part, f"{where}: polygon")
        if len(values) % 2:
            raise InputError(
                f"{where}: polygon has an odd count of coordinates ({len(values)}); "
                "write x and y of every point"
            )
        if len(values) >= 6:
            polygons.append(values.reshape(-1, 2))
    return polygons, None


def _bounding_box(
    polygons: list[np.ndarray], runs: np.ndarray | None, image: ImageRecord
) -> np.ndarray:
    """x, y, width, height around the polygons or the mask."""
    if runs is None:
        points = np.concatenate(polygons)
        low, high = points.min(axis=0), points.max(axis=0)
    else:
        rows, columns = np.nonzero(decode_mask(runs, image.height, image.width))
        if len(rows) == 0:
            return np.zeros(4)
        low = np.array([columns.min(), rows.min()])
        high = np.array([columns.max() + 1, rows.max() + 1])
    return np.concatenate([low, high - low]).astype(np.float64)


def _whole_number(value: Any, what: str) -> int:
    if type(value) is not int:
        raise InputError(f"{what} must be a whole number, not {value!r:.40}")
    return value


def _numbers(values: Any, what: str) -> np.ndarray:
    """A list of finite numbers as a float64 array."""
    if not isinstance(values, list) or not set(map(type, values)) <= {int, float}:
        raise InputError(f"{what} must be a list of numbers; correct or remove the annotation")
    try:
        array = np.array(values, dtype=np.float64)
    except OverflowError:
        array = np.array([math.inf])
    if not (np.abs(array) <= MAX_COORDINATE ** (2 if what.endswith("'area'") else 1)).all():
        raise InputError(
            f"{what} holds NaN, infinity or a number out of range; correct or remove the annotation"
        )
    return array
