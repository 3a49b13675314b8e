"""Writing YOLO segmentation labels in the Ultralytics layout."""

from __future__ import annotations

import yaml

from dataset.formats.yolo.layout import label_name
from e2ec.convert.job import Job, label_names
from e2ec.results.formats.yolo import yolo_lines
from lib.errors import InputError
from lib.files import read_text

_SPLITS = ("train", "val", "test")


def write_yolo(job: Job) -> None:
    """`data.yaml`, `labels/SPLIT` and `images/SPLIT` with links to the images, or copies.

    Labels are found by the path of the image, so images have to be there in some way. Contours are
    cut off at the border of the image, as coordinates end at 1.

    Raises:
        InputError: an image is missing, or the folder holds a split with other classes.
    """
    label_names(job.source.names, ".txt")
    _write_yaml(job)
    for position, item in enumerate(job.items()):
        placed = f"images/{job.split}/{item.name}"
        lines = yolo_lines(item, job.options, job.notes)
        job.write(label_name(placed), "".join(lines).encode())
        job.place_image(position, placed, link=True)


def _write_yaml(job: Job) -> None:
    categories = job.source.index.categories
    classes = {
        "names": list(categories.values()),
        "category_ids": list(categories),  # not YOLO's own; others pass over it
    }
    text = yaml.safe_dump(classes, sort_keys=False, allow_unicode=True)
    present = job.final / "data.yaml"
    if present.exists() and not read_text(present).endswith(f"\n{text}"):
        raise InputError(f"{present}: has other classes; write to another folder")
    places = yolo_places(job)
    splits = "".join(f"{split}: images/{place}\n" for split, place in places.items())
    job.write("data.yaml", (splits + text).encode())


def yolo_places(job: Job) -> dict[str, str]:
    """For every split that data.yaml names the one whose images it has.

    Ultralytics reads no data.yaml without `train` and `val`: where one of them is missing, it has
    the images of the other.
    """
    folders = (job.final / "images", job.out / "images")
    there = [s for s in _SPLITS if s == job.split or any((f / s).is_dir() for f in folders)]
    named = [s for s in _SPLITS if s in there or s != "test"]
    return {split: split if split in there else there[0] for split in named}
