"""Images and annotations as plain records, and as a COCO dictionary."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """An image: id, file name relative to the image folder, size in pixels."""

    id: int
    name: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class AnnotationRecord:
    """A labelled object, or a crowd region.

    Attributes:
        id, image_id, category_id: as in the source, or numbered by its reader.
        crowd: a region of several objects: nothing to learn from, ignored in evaluation.
        polygons: outer outlines, (n, 2) float64, x then y, original pixels; what training learns.
        runs: run lengths of the exact mask (`dataset.masks.run_lengths`) where the source is a
            mask, holes included; what evaluation compares with. None where the polygons are the
            source.
        area: square pixels.
        bbox: x, y, width, height.
    """

    id: int
    image_id: int
    category_id: int
    crowd: bool
    polygons: list[np.ndarray]
    runs: np.ndarray | None
    area: float
    bbox: tuple[float, float, float, float]


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
