"""Contours as one image of object numbers, which `dataset.formats.mask_folder` reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import cv2
import numpy as np

from dataset.formats.mask_folder import CLASS_STEP
from e2ec.results.instances import Instances
from e2ec.results.masks import exact_mask
from lib.errors import InputError


def class_numbers(category_ids: Sequence[int]) -> dict[int, int]:
    """What stands for every category in the numbers: its id where that fits, else 1, 2, ..."""
    if min(category_ids) < 1 or max(category_ids) >= CLASS_STEP:
        return {key: place for place, key in enumerate(category_ids, start=1)}
    return {key: key for key in category_ids}


def label_image(contours: Instances) -> bytes:
    """A PNG file: 0 is background, every other number an object, class * 1000 + 0, 1, 2, ...

    Where objects overlap, the one of the higher score is seen. The file has 16 bits grey, or 24
    bits of colour (red + 256 * green + 65536 * blue) where the classes need them.

    Raises:
        InputError: an image holds more than 1000 objects of a class.
    """
    numbers = np.zeros((contours.height, contours.width), np.int32)
    of_class = class_numbers(contours.category_ids)
    used: Counter[int] = Counter()
    # The best last, so that it lies on top; its number is the first of its class.
    order = np.argsort(-contours.scores, kind="stable").tolist()
    painted: list[tuple[int, int]] = []
    for index in order:
        number = of_class[contours.category_ids[contours.labels[index]]]
        if used[number] == CLASS_STEP:
            raise InputError(
                f"{contours.source or 'image'}: more than {CLASS_STEP} objects of a class do not "
                "fit an image of numbers; raise --score, or write another format"
            )
        painted.append((index, number * CLASS_STEP + used[number]))
        used[number] += 1
    for index, value in reversed(painted):
        numbers[exact_mask(contours, index)] = value
    return _png(numbers, max(of_class.values(), default=0))


def _png(numbers: np.ndarray, highest_class: int) -> bytes:
    """The same kind of file for all images of a model: by its classes, not by what was found."""
    if (highest_class + 1) * CLASS_STEP <= 1 << 16:
        pixels = numbers.astype(np.uint16)
    else:  # OpenCV writes blue first, which holds the highest bits
        pixels = np.stack([numbers >> 16, numbers >> 8 & 255, numbers & 255], 2).astype(np.uint8)
    return cv2.imencode(".png", pixels)[1].tobytes()
