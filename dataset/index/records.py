"""Images and annotations as plain records, and as COCO writes them."""

from __future__ import annotations

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

    def to_coco(self, image: ImageRecord) -> dict[str, Any]:
        """An annotation of COCO on its image, with every field that pycocotools expects."""
        return {
            "id": self.id,
            "image_id": self.image_id,
            "category_id": self.category_id,
            "iscrowd": int(self.crowd),
            "area": self.area,
            "bbox": list(self.bbox),
            "segmentation": [polygon.ravel().tolist() for polygon in self.polygons]
            if self.runs is None
            else {"size": [image.height, image.width], "counts": self.runs.tolist()},
        }
