"""YOLO segmentation labels (Ultralytics layout): a text file an image, a line an object.

A line is `class x1 y1 x2 y2 ...`, coordinates divided by the image's width and height. Parts and
holes of an object come in one polygon, joined by bridges, and are taken apart again.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from dataset.checks.problems import LeftOut, Report, Unusable, read_whole, strict
from dataset.formats.class_list import CLASSES_TXT
from dataset.formats.format import Format, Split, SplitName
from dataset.formats.image_folder import add_images
from dataset.formats.json_files import json_files
from dataset.formats.yolo.data_yaml import YAML_NAMES, names_classes
from dataset.formats.yolo.layout import (
    YoloLayout,
    label_name,
    yolo_image_folder,
    yolo_layout,
    yolo_source_files,
    yolo_splits,
)
from dataset.index.builder import IndexBuilder
from dataset.index.label_index import LabelIndex
from dataset.masks.rasterize import components_to_mask
from dataset.masks.rings import Component, split_rings
from dataset.masks.run_lengths import encode_mask
from lib.files import read_text
from lib.images import IMAGE_SUFFIXES

# Beyond this a coordinate cannot have been divided by the size of the image.
_LARGEST = 10.0
# Digits, in pixels, that the division keeps.
_DECIMALS = 9


def read_yolo(
    path: str | Path,
    split: SplitName = "train",
    *,
    root: str | Path | None = None,
    report: Report = strict,
) -> LabelIndex:
    """Read one split; file names are relative to `dataset.formats.yolo.layout.yolo_image_folder`.

    Images without a label file have no objects. A line of five numbers is a box, not a contour, and
    is left out.

    Args:
        path: data.yaml, or the folder of the data set.
        split: "train", "val" or "test".
        root: the folder that holds images and labels, where it is not that of data.yaml.
        report: told every problem.

    Raises:
        InputError: data.yaml or a folder it names is missing or unusable.
    """
    layout = yolo_layout(path, split, root)
    builder = IndexBuilder(str(layout.file), report, layout.classes)
    by_class = dict(enumerate(layout.classes))
    for key, name, height, width in add_images(builder, layout.folder, layout.images):
        labels = layout.folder / label_name(name)
        with builder.reading(labels):
            text = read_whole(read_text, labels, "unreadable labels") if labels.exists() else ""
            for number, line in enumerate(text.lstrip("\ufeff").splitlines(), start=1):
                if line.strip():
                    with builder.reading(labels, f"line {number}"):
                        category, points = _read_line(line.split(), by_class)
                        builder.add(
                            id=None,
                            image_id=key,
                            category_id=category,
                            **_shape(points, height, width),
                        )
    _report_orphans(builder, layout)
    return builder.finish()


def _report_orphans(builder: IndexBuilder, layout: YoloLayout) -> None:
    """Report the label files beside those of the images that belong to no image."""
    used: set[Path] = set()
    folders: dict[Path, Path] = {}
    for name in layout.images:
        labels = layout.folder / label_name(name)
        used.add(labels)
        folders.setdefault(labels.parent, (layout.folder / name).parent)
    for label_folder, image_folder in sorted(folders.items()):
        # What is listed may not exist.
        if not os.path.isdir(label_folder) or not os.path.isdir(image_folder):
            continue
        rest = set(label_folder.glob("*.txt")) - used - {label_folder / CLASSES_TXT}
        images = image_folder.iterdir() if rest else ()
        # Those of another split may lie beside them.
        stems = {path.stem for path in images if path.suffix.lower() in IMAGE_SUFFIXES}
        for path in sorted(rest):
            if path.stem not in stems and path.name[0] != ".":
                with builder.reading(path):
                    remedy = "add the image or remove the file"
                    raise LeftOut("labels without image", "belongs to no image", remedy)


def _read_line(fields: list[str], by_class: dict[int, int]) -> tuple[int, np.ndarray]:
    """Category id, and (n, 2) divided coordinates."""
    try:
        number, *values = map(float, fields)
    except ValueError:
        remedy = "write class x1 y1 x2 y2 ..."
        raise Unusable("bad number", "is not a list of numbers", remedy) from None
    category = by_class.get(number)  # type: ignore[call-overload]  # 2.0 finds 2
    if category is None:
        what = f"class {fields[0]:.20} is not among the {len(by_class)} of 'names'"
        raise Unusable("unknown category", what, "correct the class or add its name")
    if len(values) == 4:
        raise LeftOut("box", "is a box (four numbers), not a contour")
    if len(values) % 2:
        what = f"has an odd count of coordinates ({len(values)})"
        raise Unusable("odd count", what, "write x and y of every point")
    if any(abs(value) > _LARGEST for value in values):
        what = "holds coordinates that are not divided by the size of the image"
        raise Unusable("not normalised", what, "divide x by the width and y by the height")
    return category, np.array(values).reshape(-1, 2)


def _shape(points: np.ndarray, height: int, width: int) -> dict[str, Any]:
    """Outlines and, where there are holes, the mask of divided coordinates."""
    components: list[Component] = [(points, [])]
    if len(points) >= 3 and np.isfinite(points).all():
        components = split_rings(points)
    scaled = [
        (_pixels(outer, height, width), [_pixels(hole, height, width) for hole in holes])
        for outer, holes in components
    ]
    polygons = [outer for outer, _ in scaled]
    if not any(holes for _, holes in scaled):
        return {"polygons": polygons}
    runs = encode_mask(components_to_mask(scaled, height, width))
    return {"polygons": polygons, "runs": runs, "size": (height, width)}


def _pixels(points: np.ndarray, height: int, width: int) -> np.ndarray:
    """Divided coordinates in pixels; what was a whole number of pixels is one again."""
    return np.round(points * [width, height], _DECIMALS)


def _recognise(path: Path) -> bool:
    """Whether there is a data.yaml, or text files where YOLO's labels lie.

    Other formats have a folder `labels` too, and LabelMe may have a list of classes in it.
    """
    if any((path / name).is_file() for name in YAML_NAMES):
        return True
    if any(names_classes(file) for file in path.glob("*.yaml")):
        return True
    places = (path / "labels", path / "train" / "labels")
    if not any(file.name != CLASSES_TXT for place in places for file in place.rglob("*.txt")):
        return False
    # Texts beside JSON files may be anything, unless the classes stand where YOLO has them.
    return (path / CLASSES_TXT).is_file() or not any(map(any, map(json_files, places)))


def _splits(path: Path, images: Path | None) -> list[Split]:
    # Training data has to be there; without, the reader says what is missing.
    found: dict[SplitName, bool] = {"train": False, **yolo_splits(path, images)}
    return [Split(name, name, path, images, repeats) for name, repeats in found.items()]


YOLO = Format(
    name="yolo",
    title="YOLO",
    recognise=_recognise,
    splits=_splits,
    read=lambda split, report: read_yolo(
        split.labels, split.which, root=split.images, report=report
    ),
    images=lambda split, _: yolo_image_folder(split.labels, split.images),
    sources=lambda split: yolo_source_files(split.labels, split.which, split.images),
    suffixes=(".yaml", ".yml"),
    folders_in_names=True,  # images/train/a.jpg
)
