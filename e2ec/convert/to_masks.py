"""Writing a folder of masks: images of object numbers (`dataset.formats.mask_folder`)."""

from __future__ import annotations

import json

from dataset.formats.class_list import CLASSES_JSON
from dataset.formats.mask_folder import layer_names
from dataset.index.records import AnnotationRecord, ImageRecord
from dataset.masks.rasterize import annotation_mask
from e2ec.convert.job import Job, label_names
from e2ec.results.formats.mask_layers import Layer, class_numbers, paint, png


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
    numbers = class_numbers(categories, str(job.source.path))
    names = {numbers[key]: name for key, name in categories.items()}
    classes = json.dumps(names, ensure_ascii=False, indent=1)
    job.write(f"masks/{job.folder}{CLASSES_JSON}", classes.encode())
    stems = {label.removesuffix(".png") for label in label_names(job.source.names, ".png")}
    for position, name, image, found in job.images():
        job.place_image(position, f"images/{job.folder}{name}", link=job.divided)
        layers = _layers(job, found, image, numbers)
        for layer, file in zip(layers, layer_names(name, stems), strict=False):
            job.write(f"masks/{job.folder}{file}", png(layer.numbers))


def _layers(
    job: Job, annotations: list[AnnotationRecord], image: ImageRecord, numbers: dict[int, int]
) -> list[Layer]:
    layers = [Layer(image.height, image.width)]
    for annotation in annotations:
        mask = annotation_mask(annotation, image.height, image.width)
        if not mask.any():
            job.left_out["objects that cover no pixel of the image"] += 1
            continue
        number = numbers[annotation.category_id]
        paint(layers, mask, number, annotation.crowd)
    return layers
