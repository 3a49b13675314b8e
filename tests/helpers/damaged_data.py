"""A small data set with one of every defect, and the same without any, in COCO's format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

SIDE = 64
SQUARE = [10.0, 10.0, 30.0, 10.0, 30.0, 30.0, 10.0, 30.0]

# By annotation id: segmentation, the kind of problem, and what is done. All lie in image 1.
SHAPES: dict[int, tuple[list[list[float]], str, str]] = {
    11: ([[5.0, 5.0, 9.0, 9.0], [40.0, 40.0, 60.0, 40.0, 60.0, 60.0]], "few points", "left out"),
    12: ([[5.0, 5.0, 15.0, 15.0, 25.0, 25.0]], "zero area", "left out"),
    13: ([[5.0, 5.0, 25.0, 25.0, 25.0, 5.0, 5.0, 30.0]], "self-crossing", "kept"),
    # Two triangles of 25 square pixels each, walked around in opposite directions.
    14: ([[0.0, 0.0, 10.0, 10.0, 10.0, 0.0, 0.0, 10.0]], "self-crossing", "left out"),
    15: ([[50.0, 5.0, 70.5, 5.0, 70.5, 25.0]], "partly out of the image", "clipped"),
    16: ([[70.0, 5.0, 90.0, 5.0, 90.0, 25.0]], "out of the image", "left out"),
    17: ([[float("nan"), 5.0, 25.0, 5.0, 25.0, 25.0]], "bad number", "stops"),
    # The square of annotation 1 once more: from another corner the other way, and with a vertex
    # that changes no pixel.
    18: ([[30.0, 30.0, 30.0, 10.0, 10.0, 10.0, 10.0, 30.0]], "duplicate annotation", "kept"),
    19: ([[10.0, 10.0, 20.0, 10.01, *SQUARE[2:]]], "duplicate annotation", "kept"),
}

# What is unusual and all right: anticlockwise, points given twice, closed by its first point,
# touching itself at a corner, a hole cut open along a bridge, and on the border of the image.
HARMLESS: list[list[float]] = [
    [35.0, 5.0, 35.0, 15.0, 45.0, 15.0, 45.0, 5.0],
    [35.0, 20.0, 45.0, 20.0, 45.0, 20.0, 45.0, 30.0, 35.0, 30.0],
    [50.0, 20.0, 60.0, 20.0, 60.0, 30.0, 50.0, 20.0],
    [40.0, 40.0, 45.0, 45.0, 50.0, 40.0, 50.0, 50.0, 45.0, 45.0, 40.0, 50.0],
    [5.0, 35.0, 30.0, 35.0, 30.0, 60.0, 5.0, 60.0, 5.0, 35.0,
     10.0, 40.0, 10.0, 50.0, 20.0, 50.0, 20.0, 40.0, 10.0, 40.0],
    [0.0, 0.0, 64.0, 0.0, 64.0, 64.0],
]  # fmt: skip


def annotation(key: int, image: int, *polygons: list[float], category: int = 1) -> dict[str, Any]:
    return {
        "id": key,
        "image_id": image,
        "category_id": category,
        "iscrowd": 0,
        "segmentation": list(polygons),
    }


def clean_folder(folder: Path) -> Path:
    """Images 1.png and 2.png with usual and unusual labels, none of them wrong."""
    shapes = [SQUARE, *HARMLESS]
    annotations = [annotation(key, 1, shape) for key, shape in enumerate(shapes, start=1)]
    crowd = annotation(20, 2, SQUARE) | {"iscrowd": 1}
    return _write(folder, [*annotations, annotation(10, 2, SQUARE), crowd], images=2)


def damaged_folder(folder: Path) -> Path:
    """One of every defect.

    Image 1 has the labels of `SHAPES` and annotation 1, which is right. Image 2 is missing, image 3
    cut short, image 4 of another size, and image 5 is the file of image 1 once more. Annotation 31
    is of an unknown category, 32 of an unknown image.
    """
    annotations = [annotation(1, 1, SQUARE)]
    annotations += [annotation(key, 1, *polygons) for key, (polygons, _, _) in SHAPES.items()]
    annotations += [annotation(31, 1, SQUARE, category=9), annotation(32, 99, SQUARE)]
    _write(folder, annotations, images=5)
    images = folder / "images"
    (images / "2.png").unlink()
    (images / "3.png").write_bytes((images / "3.png").read_bytes()[:-100])
    assert cv2.imwrite(str(images / "4.png"), np.zeros((SIDE, SIDE + 6, 3), np.uint8))
    (images / "5.png").unlink()
    for path in folder.glob("*.json"):
        path.write_text(path.read_text().replace("5.png", "1.png"))
    return folder


def _write(folder: Path, annotations: list[dict[str, Any]], *, images: int) -> Path:
    """The layout of the `nuclei` preset, the same labels for both splits."""
    rng = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    names = {number: f"{number}.png" for number in range(1, images + 1)}
    for name in names.values():
        pixels = rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
        assert cv2.imwrite(str(folder / "images" / name), pixels)
    document = {
        "images": [
            {"id": key, "file_name": name, "width": SIDE, "height": SIDE}
            for key, name in names.items()
        ],
        "categories": [{"id": 1, "name": "thing"}],
        "annotations": annotations,
    }
    for split in ("train", "val"):
        (folder / f"instances_{split}.json").write_text(json.dumps(document))
    return folder
