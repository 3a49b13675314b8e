"""Labels as results of a mask head: to be refined, and measured before and after.

    python -m e2ec.bench.studies.degrade_masks ANNOTATIONS --out before.json [--side 28]
        [--shift 0.05] [--scale 0.05] [--seed 0]
    python -m e2ec refine --results before.json --annotations ANNOTATIONS --images DIR \
        --out after.json
    python test.py PRESET --results before.json
    python test.py PRESET --results after.json

Each mask is cropped to its box as a detector would have found it (moved and scaled by seeded
noise), averaged to 28 x 28 cells, brought back to the box by bilinear interpolation and cut at 0.5:
what the best mask head of this resolution could say of it. Scores are 1, boxes those of the
detector.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pycocotools import mask as coco_mask
from tyro.conf import Positional

from dataset.formats.coco.read import read_coco
from dataset.index.label_index import LabelIndex
from dataset.masks.rasterize import annotation_mask
from dataset.masks.run_lengths import encode_mask, runs_box
from e2ec.app.commands.command_line import run
from e2ec.app.commands.options import parse_options
from lib.files import atomic_write_text


@dataclass(frozen=True)
class DegradeMasksOptions:
    """Write the masks of labels as a mask head leaves them, as COCO results."""

    annotations: Positional[Path]
    """COCO annotation file."""
    out: Path = Path("out/degraded.json")
    """File to write."""
    side: int = 28
    """Cells a side of the mask head."""
    shift: float = 0.05
    """Standard deviation of a box's shift, as a part of its sides."""
    scale: float = 0.05
    """Standard deviation of a box's scale, as a part of its sides."""
    seed: int = 0
    """Of the boxes."""

    def __post_init__(self) -> None:
        if self.side < 1:
            raise ValueError("--side must be 1 or more")
        if not (0 <= self.shift < 0.5 and 0 <= self.scale < 0.5):
            raise ValueError("--shift and --scale must lie in [0, 0.5)")


def degraded(mask: np.ndarray, box: tuple[float, float, float, float], side: int) -> np.ndarray:
    """A mask (H, W) bool as a mask head of side x side cells over a box leaves it.

    Args:
        box: x0, y0, x1, y1 in pixels; may leave the image.
    """
    height, width = mask.shape
    x0, y0 = (round(value) for value in box[:2])
    x1, y1 = (max(round(stop), start + 1) for stop, start in zip(box[2:], (x0, y0), strict=True))
    # What of the box lies outside of the image is background.
    crop = np.zeros((y1 - y0, x1 - x0), np.float32)
    rows, columns = slice(max(y0, 0), min(y1, height)), slice(max(x0, 0), min(x1, width))
    inside = (
        slice(rows.start - y0, max(rows.stop, rows.start) - y0),
        slice(columns.start - x0, max(columns.stop, columns.start) - x0),
    )
    result = np.zeros_like(mask)
    if rows.stop <= rows.start or columns.stop <= columns.start:
        return result
    crop[inside] = mask[rows, columns]
    back = cv2.resize(_averaged(crop, side), crop.shape[::-1], interpolation=cv2.INTER_LINEAR)
    result[rows, columns] = back[inside] >= 0.5
    return result


def _averaged(crop: np.ndarray, side: int) -> np.ndarray:
    """The mean of every cell of side x side cells across a crop, whole pixels or not."""
    for axis in (0, 1):
        edges = np.linspace(0, crop.shape[axis], side + 1)
        sums = np.insert(np.cumsum(crop, axis=axis, dtype=np.float64), 0, 0, axis=axis)
        whole = np.minimum(edges.astype(np.int64), crop.shape[axis] - 1)
        part = np.expand_dims(edges - whole, 1 - axis)
        at = np.take(sums, whole, axis) * (1 - part) + np.take(sums, whole + 1, axis) * part
        crop = (np.diff(at, axis=axis) * side / crop.shape[axis]).astype(np.float32)
    return crop


def degraded_results(index: LabelIndex, options: DegradeMasksOptions) -> Iterator[dict[str, Any]]:
    """A COCO result for every label, crowd regions aside, of which anything is left."""
    rng = np.random.default_rng(options.seed)
    for position in range(len(index)):
        image = index.image(position)
        for annotation in index.annotations(position):
            if annotation.crowd:
                continue
            mask = annotation_mask(annotation, image.height, image.width)
            x0, y0, x1, y1 = runs_box(encode_mask(mask), image.height)
            shift, scale = rng.normal(0, options.shift, 2), rng.normal(0, options.scale, 2)
            size = np.array([x1 - x0, y1 - y0]) * np.exp(scale)
            middle = np.array([x0 + x1, y0 + y1]) / 2 + shift * [x1 - x0, y1 - y0]
            low, high = middle - size / 2, middle + size / 2
            left = degraded(mask, (*low.tolist(), *high.tolist()), options.side)
            if left.any():
                found = coco_mask.encode(np.asfortranarray(left.view(np.uint8)))
                yield {
                    "image_id": image.id, "category_id": annotation.category_id, "score": 1.0,
                    "bbox": np.round([*low, *size], 2).tolist(),
                    "segmentation": {**found, "counts": found["counts"].decode("ascii")},
                }  # fmt: skip


def main() -> int:
    options = parse_options(DegradeMasksOptions, None)
    results = list(degraded_results(read_coco(options.annotations), options))
    atomic_write_text(options.out, json.dumps(results) + "\n")
    print(f"{options.out}: {len(results)} masks of {options.side} x {options.side} cells")
    return 0


if __name__ == "__main__":
    sys.exit(run(main))
