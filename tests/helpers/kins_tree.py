"""A miniature of KINS on disk: images of KITTI, and labels of both generations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from coco_scenes import as_coco_mask

from lib.images import write_image

HEIGHT, WIDTH = 96, 224
# Ids and names as in the files; 3 (rider) has no object.
CATEGORIES = {1: "cyclist", 2: "pedestrian", 4: "car", 5: "tram", 6: "truck", 7: "van", 8: "misc"}
NAMES = ("000000.png", "000007.png")

# Image id, category id, amodal box (x, y, width, height); from the front to the back of each image.
OBJECTS = (
    (0, 4, (20, 40, 60, 40)),
    (0, 4, (50, 30, 70, 40)),  # behind the first car
    (0, 2, (100, 20, 16, 50)),  # behind the second
    (7, 1, (30, 30, 20, 40)),
    (7, 7, (10, 20, 120, 50)),  # divided by nothing: the cyclist leaves a notch
    (7, 8, (140, 10, 50, 60)),
)


def masks() -> list[tuple[np.ndarray, np.ndarray]]:
    """Of every object the (H, W) bool amodal and visible mask; the amodal one is the larger."""
    found: list[tuple[np.ndarray, np.ndarray]] = []
    for number, (image, _, (x, y, width, height)) in enumerate(OBJECTS):
        amodal = np.zeros((HEIGHT, WIDTH), bool)
        amodal[y : y + height, x : x + width] = True
        visible = amodal.copy()
        for other in range(number):
            if OBJECTS[other][0] == image:
                visible &= ~found[other][0]
        found.append((amodal, visible))
    return found


def labels(generation: int, *, amodal_as: str = "polygons") -> dict[str, Any]:
    """A label file of 2019 or 2020; amodal masks as "polygons" or run lengths ("rle")."""
    return {
        "info": {},
        "licenses": [],
        "images": [
            {"id": int(name[:6]), "file_name": name, "height": HEIGHT, "width": WIDTH}
            for name in NAMES
        ],
        "categories": [
            {"supercategory": "Living Thing" if key < 4 else "vehicles", "id": key, "name": name}
            for key, name in CATEGORIES.items()
        ],
        "annotations": [
            _annotation(number, generation, amodal_as) for number in range(len(OBJECTS))
        ],
    }


def write_kins(root: Path, generation: int, *, amodal_as: str = "polygons") -> tuple[Path, Path]:
    """Write training/image_2 and the label file; returns the image folder and the file."""
    folder = root / "training" / "image_2"
    for number, name in enumerate(NAMES):
        image = np.random.default_rng(number).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
        write_image(folder / name, image)
    path = root / {2019: "instances_train.json", 2020: "update_train_2020.json"}[generation]
    path.write_text(json.dumps(labels(generation, amodal_as=amodal_as)))
    return folder, path


def box(mask: np.ndarray) -> list[int]:
    """x, y, width, height around a mask."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    x, y = int(columns[0]), int(rows[0])
    return [x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y]


def _annotation(number: int, generation: int, amodal_as: str) -> dict[str, Any]:
    image, category, (x, y, width, height) = OBJECTS[number]
    amodal, visible = masks()[number]
    outline = [[x, y, x + width, y, x + width, y + height, x, y + height]]
    segmentation = outline if amodal_as == "polygons" else as_coco_mask(amodal)
    shared = {"id": number + 1, "image_id": image, "category_id": category, "iscrowd": 0}
    whole = (segmentation, box(amodal), int(amodal.sum()))
    seen = (as_coco_mask(visible), box(visible), int(visible.sum()))
    if generation == 2019:
        names = ("segmentation", "bbox", "area", "inmodal_seg", "inmodal_bbox")
    else:
        names = ("a_segm", "a_bbox", "a_area", "i_segm", "i_bbox", "i_area")
    return shared | dict(zip(names, (*whole, *seen), strict=False))
