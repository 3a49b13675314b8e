"""Writing LabelMe files, one an image."""

from __future__ import annotations

import json
import os
from pathlib import Path, PurePosixPath

import numpy as np

from dataset.formats.class_list import CLASSES_JSON
from e2ec.convert.job import Job, as_instances, label_names
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
        objects = job.outlined(found)
        instances = as_instances(objects, image, name, categories)
        # Polygons stand first, masks behind them.
        order = np.argsort([any(instance.holes) for instance in instances], kind="stable")
        flags = [{"crowd": True} if objects[i].crowd else {} for i in order]
        document = labelme_document(
            instances[order], path, decimals=None, flags=flags, scores=False
        )
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
