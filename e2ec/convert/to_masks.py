"""Writing a folder of masks: images of object numbers (`dataset.formats.mask_folder`)."""

from __future__ import annotations

import json
from collections import Counter

import cv2
import numpy as np

from dataset.formats.class_list import CLASSES_JSON
from dataset.formats.mask_folder import CLASS_STEP, layer_names
from dataset.index.records import AnnotationRecord, ImageRecord
from dataset.masks.rasterize import annotation_mask
from e2ec.convert.job import Job, label_names
from lib.errors import InputError


class _Layer:
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


def write_masks(job: Job) -> None:
    """`masks/NAME.png` for every image, further layers where objects overlap, `classes.json`.

    Copied images lie in `images`. Where the data set is divided, all of it in `masks/train`,
    `masks/val`, `images/train` and `images/val`, with links to the images if not with copies: every
    image of a folder is read, with or without a mask. Numbers are category ids * 1000 + index where
    the ids allow it.

    Raises:
        InputError: two images would share a mask, or there are too many classes.
    """
    categories = job.source.index.categories
    numbers = {key: key for key in categories}
    if min(categories) < 1 or max(categories) >= CLASS_STEP:
        numbers = {key: place for place, key in enumerate(categories, start=1)}
    if len(categories) >= CLASS_STEP:
        raise InputError(f"{job.source.path}: more than {CLASS_STEP - 1} classes do not fit masks")
    names = {numbers[key]: name for key, name in categories.items()}
    classes = json.dumps(names, ensure_ascii=False, indent=1)
    job.write(f"masks/{job.folder}{CLASSES_JSON}", classes.encode())
    stems = {label.removesuffix(".png") for label in label_names(job.source.names, ".png")}
    for position, name, image, found in job.images():
        job.place_image(position, f"images/{job.folder}{name}", link=job.divided)
        layers = _layers(job, found, image, numbers)
        for layer, file in zip(layers, layer_names(name, stems), strict=False):
            job.write(f"masks/{job.folder}{file}", _png(layer.numbers))


def _layers(
    job: Job, annotations: list[AnnotationRecord], image: ImageRecord, numbers: dict[int, int]
) -> list[_Layer]:
    layers = [_Layer(image.height, image.width)]
    for annotation in annotations:
        mask = annotation_mask(annotation, image.height, image.width)
        if not mask.any():
            job.left_out["objects that cover no pixel of the image"] += 1
            continue
        number = numbers[annotation.category_id]
        if not any(layer.take(mask, number, annotation.crowd) for layer in layers):
            layers.append(_Layer(image.height, image.width))
            layers[-1].take(mask, number, annotation.crowd)
    return layers


def _png(numbers: np.ndarray) -> bytes:
    """8 or 16 bit grey, or 24 bit colour, whatever holds the highest number."""
    highest = int(numbers.max())
    if highest < 1 << 8:
        pixels = numbers.astype(np.uint8)
    elif highest < 1 << 16:
        pixels = numbers.astype(np.uint16)
    else:  # OpenCV writes blue first, which holds the highest bits
        pixels = np.stack([numbers >> 16, numbers >> 8 & 255, numbers & 255], 2).astype(np.uint8)
    return cv2.imencode(".png", pixels)[1].tobytes()
