"""Writing LabelMe files, one an image."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path, PurePosixPath
from typing import Any

import cv2
import numpy as np

from dataset.formats.class_list import CLASSES_JSON
from dataset.index.records import AnnotationRecord, ImageRecord
from dataset.masks.rasterize import annotation_mask
from dataset.masks.rings import Component
from e2ec.convert.job import Job, as_contours, label_names
from e2ec.results.formats.labelme import labelme_document
from lib.errors import InputError


def write_labelme(job: Job) -> None:
    """A JSON file an image, and the classes with their category ids (`classes.json`).

    Where the data set is divided, all of it in `train` and in `val`.
    Images are named by a relative path, or copied beside the files. Objects with holes become
    shapes of type "mask"; crowd regions carry the flag "crowd".

    Raises:
        InputError: an image is missing, or two categories share a name.
    """
    categories = job.source.index.categories
    if len(set(categories.values())) < len(categories):
        raise InputError(f"{job.source.path}: two categories share a name; rename one of them")
    labels = label_names(job.source.names, ".json")
    job.write(
        f"{job.folder}{CLASSES_JSON}", json.dumps(categories, ensure_ascii=False, indent=1).encode()
    )
    for (position, name, image, found), label in zip(job.images(), labels, strict=True):
        if label == CLASSES_JSON:
            raise InputError(f"{name}: labels would be called {label}; rename the image")
        job.place_image(position, f"{job.folder}{name}")
        if job.copy_images:
            path = PurePosixPath(name).name
        else:
            path = _relative(
                job.source.image_path(position), (job.final / job.folder / label).parent
            )
        document = _document(job.outlined(found, image), image, path, name, categories)
        job.write(f"{job.folder}{label}", json.dumps(document, allow_nan=False).encode())


def _relative(image: Path, folder: Path) -> str:
    """The path of an image as seen from a folder, with forward slashes on every system.

    Raises:
        InputError: it lies on another drive.
    """
    try:
        return Path(os.path.relpath(os.path.abspath(image), os.path.abspath(folder))).as_posix()
    except ValueError as error:
        raise InputError(
            f"{image}: lies on another drive than {folder}; give --copy-images"
        ) from error


def _document(
    objects: list[tuple[AnnotationRecord, list[Component]]],
    image: ImageRecord,
    path: str,
    name: str,
    categories: dict[int, str],
) -> dict[str, Any]:
    plain = [(a, parts) for a, parts in objects if not any(holes for _, holes in parts)]
    pierced = [a for a, parts in objects if any(holes for _, holes in parts)]
    contours = as_contours(plain, image, name, categories)
    document = labelme_document(contours, path, decimals=None)
    crowds = [annotation.crowd for annotation, parts in plain for _ in parts]
    for shape, crowd in zip(document["shapes"], crowds, strict=True):
        del shape["score"]
        shape["flags"] = _flags(crowd)
    document["shapes"] += [_mask_shape(a, image, categories) for a in pierced]
    return document


def _mask_shape(
    annotation: AnnotationRecord, image: ImageRecord, categories: dict[int, str]
) -> dict[str, Any]:
    """A shape whose two points are the first and the last pixel of the box of its mask."""
    mask = annotation_mask(annotation, image.height, image.width).astype(np.uint8)
    x, y, width, height = cv2.boundingRect(mask)
    _, data = cv2.imencode(".png", mask[y : y + height, x : x + width])
    return {
        "label": categories[annotation.category_id],
        "points": [[x, y], [x + width - 1, y + height - 1]],
        "group_id": None,
        "description": "",
        "shape_type": "mask",
        "flags": _flags(annotation.crowd),
        "mask": base64.b64encode(data.tobytes()).decode("ascii"),
    }


def _flags(crowd: bool) -> dict[str, bool]:
    return {"crowd": True} if crowd else {}
