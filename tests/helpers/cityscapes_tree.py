"""A miniature Cityscapes in the exact format of its distribution.

The label files are made as the official tools make them: objects of the polygon files painted over
each other in order, by the official `createInstanceImage`, into 16-bit PNG images.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from cityscapesscripts.helpers.annotation import Annotation
from cityscapesscripts.preparation.json2instanceImg import createInstanceImage
from PIL import Image

from lib.images import write_image

WIDTH, HEIGHT = 160, 96


def box(label: str, x0: int, y0: int, x1: int, y1: int, **fields: Any) -> dict[str, Any]:
    """A rectangular object that covers the pixels x0..x1 and y0..y1, both ends included."""
    corners = [[x0, y0], [x1, y0], [x1, y1], [x0, y1]]
    return {"label": label, "polygon": corners, "verified": 1, "deleted": 0, **fields}


def blob(label: str, x: int, y: int, radius: int, points: int = 17) -> dict[str, Any]:
    """A roundish object with whole coordinates, as annotators click them."""
    angles = np.linspace(0, 2 * np.pi, points, endpoint=False)
    reach = radius * (1 + 0.2 * np.cos(3 * angles))
    corners = np.stack([x + reach * np.cos(angles), y + reach * np.sin(angles)], axis=1)
    return {"label": label, "polygon": np.rint(corners).astype(int).tolist()}


ROAD = box("road", 0, 48, WIDTH - 1, HEIGHT - 1)
SKY = box("sky", 0, 0, WIDTH - 1, 47)
# A car of 40 x 20 pixels that a pole, 6 wide, cuts into parts of 10 and 24 columns, with a number
# plate that is not drawn; a person; a group of cars; a caravan; a thing of no class; two objects
# that somebody deleted.
STREET = [
    SKY,
    ROAD,
    box("caravan", 4, 60, 23, 79),
    box("static", 140, 60, 159, 79),
    box("cargroup", 120, 40, 139, 49),
    box("truck", 0, 0, 159, 95, deleted=1),
    box("car", 30, 50, 69, 69),
    box("license plate", 32, 60, 36, 63),
    box("pole", 40, 10, 45, 90),
    box("person", 80, 40, 89, 69),
    box("person", 81, 41, 88, 60, deleted=1),
]
# Roundish objects of every other class over each other, one of them below 100 pixels.
CROSSING = [
    SKY,
    ROAD,
    blob("bus", 40, 40, 26),
    blob("rider", 60, 44, 12),
    blob("bicycle", 62, 58, 12),
    blob("car", 100, 60, 20),
    blob("car", 116, 60, 20),
    blob("ridergroup", 140, 30, 9),
    blob("train", 30, 80, 12),
    blob("motorcycle", 140, 80, 10),
    blob("truck", 76, 20, 14),
    blob("person", 150, 50, 4),
]
EMPTY = [SKY, ROAD]
SCENES = {
    "train": {"aachen/aachen_000000_000019": STREET, "bochum/bochum_000000_000313": EMPTY},
    "val": {
        "frankfurt/frankfurt_000000_000294": STREET,
        "frankfurt/frankfurt_000000_000576": CROSSING,
        "munster/munster_000000_000019": EMPTY,
    },
    "test": {"berlin/berlin_000000_000019": None},
}


def write_tree(root: Path) -> Path:
    """Write all of `SCENES` below `root`, and return it."""
    for split, scenes in SCENES.items():
        for name, objects in scenes.items():
            write_scene(root, split, name, objects)
    return root


def write_scene(root: Path, split: str, name: str, objects: list[dict[str, Any]] | None) -> None:
    """One image, and its label files where there are objects."""
    image = root / "leftImg8bit" / split / f"{name}_leftImg8bit.png"
    write_image(image, np.full((HEIGHT, WIDTH, 3), 90, np.uint8))
    if objects is None:
        return
    polygons = write_polygons(root, split, name, objects)
    annotation = Annotation()
    annotation.fromJsonFile(str(polygons))
    instance_ids = polygons.with_name(polygons.name.replace("polygons.json", "instanceIds.png"))
    # 16 bits, as in the distribution; newer versions of Pillow refuse to do that by themselves.
    ids = np.asarray(createInstanceImage(annotation, "ids")).astype(np.uint16)
    Image.fromarray(ids).save(instance_ids)


def write_polygons(root: Path, split: str, name: str, objects: list[dict[str, Any]]) -> Path:
    """The file of the polygons of an image."""
    path = root / "gtFine" / split / f"{name}_gtFine_polygons.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"imgHeight": HEIGHT, "imgWidth": WIDTH, "objects": objects}
    path.write_text(json.dumps(document))
    return path
