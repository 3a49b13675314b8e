"""Two images of results with everything that formats find hard, to be written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from label_scenes import HEIGHT, WIDTH, ring_mask

from dataset.masks.run_lengths import encode_mask
from e2ec.results.contours import Contours
from e2ec.results.formats.item import ImageResult
from lib.images import write_image

CLASSES = ("cell", 'a "b" <c> & d')


def square(x: float, y: float, side: float) -> np.ndarray:
    return np.array([[x, y], [x + side, y], [x + side, y + side], [x, y + side]])


def results() -> list[ImageResult]:
    """Of the first image two parts that overlap nothing, a frame with a hole, fractions of a pixel
    and an object that leaves the image; of the second an exact mask with holes and an island, and
    nothing else."""
    first = Contours(
        height=HEIGHT,
        width=WIDTH,
        class_names=CLASSES,
        category_ids=(3, 8),
        labels=np.array([0, 1, 0]),
        scores=np.array([0.9, 0.123456, 0.5]),
        parts=[
            [square(2, 2, 10), square(20.25, 3.75, 6.5)],
            [square(30, 20, 20)],
            [square(-5, 38.3, 20)],
        ],
        holes=[[[], []], [[square(35.5, 25.5, 9)]], [[]]],
        source="some folder/one.jpg",
    )
    second = Contours(
        height=HEIGHT,
        width=WIDTH,
        class_names=CLASSES,
        category_ids=(3, 8),
        labels=np.array([1]),
        scores=np.array([1.0]),
        runs=[encode_mask(ring_mask())],
        source="two.png",
    )
    return [
        ImageResult("some folder/one.jpg", first, 11),
        ImageResult("two.png", second, 12),
        ImageResult("nothing.png", second[:0], 13),
    ]


def write_images(folder: Path) -> None:
    """Grey pictures of the images, each row as bright as its number."""
    rows = np.repeat(np.arange(HEIGHT, dtype=np.uint8), WIDTH).reshape(HEIGHT, WIDTH)
    for item in results():
        write_image(folder / item.name, np.stack([rows] * 3, axis=2))
