"""A small labelled data set with everything that formats find hard, and comparing of masks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from dataset.index.label_index import LabelIndex
from dataset.masks.rasterize import annotation_mask
from dataset.masks.run_lengths import encode_mask
from lib.images import write_image

HEIGHT, WIDTH = 48, 64
CATEGORIES = {2: "person", 7: "no", 90: "traffic light"}  # ids with gaps; a name YAML finds hard
IMAGES = {11: "street/one.png", 12: "two.png", 30: "nothing.png"}

Objects = list[tuple[str, np.ndarray]]


def box(x0: float, y0: float, x1: float, y1: float) -> list[float]:
    return [x0, y0, x1, y0, x1, y1, x0, y1]


def ring_mask() -> np.ndarray:
    """Two holes, one with an island in it, and a pixel that touches the frame at a corner."""
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[5:40, 10:50] = True
    mask[8:20, 13:30] = False
    mask[12:16, 18:24] = True
    mask[25:37, 20:47] = False
    mask[24, 19] = False
    mask[40, 50] = True
    return mask


def run_length(mask: np.ndarray) -> dict[str, Any]:
    return {"size": list(mask.shape), "counts": encode_mask(mask).tolist()}


def document() -> dict[str, Any]:
    crowd = np.zeros((HEIGHT, WIDTH), bool)
    crowd[30:34, 2:9] = crowd[40:46, 2:30] = True
    objects = [
        # three parts; two share an edge, two overlap
        (11, 2, [box(2, 2, 12.5, 10), box(12.5, 2, 20, 10), box(18, 6, 30, 20)]),
        (11, 7, [box(8.25, 4.75, 25, 33.3)]),  # overlaps the first
        (11, 90, [[-20.5, 30, 20, 25.5, 90, 60, 10, 70]]),  # leaves the image
        (12, 2, run_length(ring_mask())),
        (12, 2, run_length(ring_mask()[::-1])),  # overlaps the first
        # a hole as some tools draw it: outline, bridge, inner outline, bridge
        (12, 90, [[40, 2, 60, 2, 60, 20, 40, 20, 40, 2, 45, 6, 45, 16, 55, 16, 55, 6, 45, 6]]),
        (12, 7, [box(1 / 3, 2 / 3, 17.1234567890123, 9.87654321), box(50, 40, 60, 47)]),
    ]
    annotations = [
        {"id": n, "image_id": image, "category_id": category, "segmentation": shape}
        for n, (image, category, shape) in enumerate(objects, start=5)
    ]
    annotations.append(
        {
            "id": 99,
            "image_id": 12,
            "category_id": 2,
            "iscrowd": 1,
            "segmentation": run_length(crowd),
        }
    )
    return {
        "images": [
            {"id": k, "file_name": name, "height": HEIGHT, "width": WIDTH}
            for k, name in IMAGES.items()
        ],
        "categories": [{"id": key, "name": name} for key, name in CATEGORIES.items()],
        "annotations": annotations,
    }


def write_scene(folder: Path) -> Path:
    """Images in `folder/images`; returns the COCO file beside them."""
    rng = np.random.default_rng(0)
    for name in IMAGES.values():
        pixels = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        write_image(folder / "images" / name, pixels)
    (folder / "labels.json").write_text(json.dumps(document()))
    return folder / "labels.json"


def files(folder: Path) -> dict[str, bytes]:
    """Everything in a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def masks_by_image(index: LabelIndex, *, crowd: bool = False) -> dict[str, Objects]:
    """Class name and mask of every object, or of every crowd region, by the image's file name."""
    found: dict[str, Objects] = {}
    for position in range(len(index)):
        image = index.image(position)
        found[Path(image.name).name] = [
            (index.categories[a.category_id], annotation_mask(a, image.height, image.width))
            for a in index.annotations(position)
            if a.crowd == crowd
        ]
    return found


def assert_same_objects(
    first: dict[str, Objects], second: dict[str, Objects], least: float = 0.99
) -> None:
    """The same images, and objects of the same classes whose masks have an IoU of `least`."""
    assert first.keys() == second.keys()
    for name, objects in first.items():
        rest = list(second[name])
        assert len(objects) == len(rest), name
        for label, mask in objects:
            ious = [
                (mask & m).sum() / (mask | m).sum() if other == label else 0.0 for other, m in rest
            ]
            best = int(np.argmax(ious))
            assert ious[best] >= least, (name, label, ious)
            del rest[best]
