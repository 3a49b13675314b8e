"""Objects as images of numbers: class * 1000 + index, in layers where objects overlap.

`dataset.formats.mask_folder` describes the format.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from itertools import islice

import cv2
import numpy as np

from dataset.formats.mask_folder import CLASS_STEP, layer_names
from e2ec.results.formats.item import ImageResult
from e2ec.results.formats.notes import Notes
from e2ec.results.formats.options import FormatOptions
from e2ec.results.masks import exact_mask
from lib.errors import InputError


class Layer:
    """One image of numbers that is being filled."""

    def __init__(self, height: int, width: int) -> None:
        self.numbers = np.zeros((height, width), np.int32)
        self._used: Counter[int] = Counter()
        self._crowds: set[int] = set()

    def take(self, mask: np.ndarray, class_number: int, crowd: bool) -> bool:
        """Paint an object, unless it overlaps another one or no number of its class is left."""
        index = self._used[class_number]
        full = class_number in self._crowds if crowd else index == CLASS_STEP
        if full or self.numbers[mask].any():
            return False
        if crowd:
            self._crowds.add(class_number)
            self.numbers[mask] = class_number
        else:
            self._used[class_number] += 1
            self.numbers[mask] = class_number * CLASS_STEP + index
        return True


def paint(layers: list[Layer], mask: np.ndarray, class_number: int, crowd: bool) -> None:
    """Put an object into the first layer that has room for it, or into a new one."""
    if not any(layer.take(mask, class_number, crowd) for layer in layers):
        layers.append(Layer(*mask.shape))
        layers[-1].take(mask, class_number, crowd)


def class_numbers(categories: Mapping[int, str], name: str) -> dict[int, int]:
    """The number of every class in the images, by category id: the id itself where ids allow it.

    Args:
        categories: class names by category id.
        name: of the source, for messages.

    Raises:
        InputError: there are too many classes.
    """
    if len(categories) >= CLASS_STEP:
        raise InputError(f"{name}: more than {CLASS_STEP - 1} classes do not fit masks")
    if min(categories) < 1 or max(categories) >= CLASS_STEP:
        return {key: place for place, key in enumerate(categories, start=1)}
    return {key: key for key in categories}


def mask_files(
    items: Iterable[ImageResult], options: FormatOptions, notes: Notes
) -> Iterator[tuple[str, bytes]]:
    """`masks/NAME.png` for every image, further layers where objects overlap, `classes.json`.

    Raises:
        InputError: there are too many classes, or two images would share a file.
    """
    names: dict[int, str] = {}
    written: set[str] = set()
    for item in items:
        contours = item.contours
        categories = dict(zip(contours.category_ids, contours.class_names, strict=True))
        numbers = class_numbers(categories, item.name)
        names = {numbers[key]: name for key, name in categories.items()}
        layers = [Layer(contours.height, contours.width)]
        for index, label in enumerate(contours.labels):
            mask = exact_mask(contours, index)
            if mask.any():
                number = numbers[contours.category_ids[label]]
                paint(layers, mask, number, item.is_crowd(index))
            else:
                notes.left_out["objects that cover no pixel of the image"] += 1
        files = layer_names(f"{item.stem}.png", item.others)
        for layer, file in zip(layers, files, strict=False):
            if file in written:
                raise InputError(f"{item.name}: its masks need {file}, which another image has")
            written.add(file)
            yield f"masks/{file}", png(layer.numbers)
    yield "masks/classes.json", json.dumps(names, ensure_ascii=False, indent=1).encode()


def further_layers(stem: str, others: Container[str]) -> Iterator[str]:
    """The files that hold an image's objects where they overlap those of the first, without end.

    Args:
        stem: what the files of the image are called, without a suffix.
        others: those of all images of the folder.
    """
    names = layer_names(f"{stem}.png", others)
    return (f"masks/{name}" for name in islice(names, 1, None))


def png(numbers: np.ndarray) -> bytes:
    """8 or 16 bit grey, or 24 bit colour, whatever holds the highest number."""
    highest = int(numbers.max())
    if highest < 1 << 8:
        pixels = numbers.astype(np.uint8)
    elif highest < 1 << 16:
        pixels = numbers.astype(np.uint16)
    else:  # OpenCV writes blue first, which holds the highest bits
        pixels = np.stack([numbers >> 16, numbers >> 8 & 255, numbers & 255], 2).astype(np.uint8)
    return cv2.imencode(".png", pixels)[1].tobytes()
