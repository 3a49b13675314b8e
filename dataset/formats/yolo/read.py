"""YOLO segmentation labels (Ultralytics layout): a text file an image, a line an object.

A line is `class x1 y1 x2 y2 ...`, coordinates divided by the image's width and height. Parts and
holes of an object come in one polygon, joined by bridges, and are taken apart again.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from dataset.checks.problems import Problem, Report, strict
from dataset.formats.class_list import CLASSES_TXT
from dataset.formats.format import SplitName
from dataset.formats.image_folder import add_images, unusable
from dataset.formats.yolo.layout import YoloLayout, label_name, yolo_layout
from dataset.index.builder import IndexBuilder
from dataset.index.label_index import LabelIndex
from dataset.masks.rasterize import components_to_mask
from dataset.masks.rings import Component, split_rings
from dataset.masks.run_lengths import encode_mask
from lib.errors import InputError
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
    builder = IndexBuilder(str(layout.file), report)
    for key, name in zip(layout.category_ids, layout.class_names, strict=True):
        builder.add_category(key, name)
    by_class = dict(enumerate(layout.category_ids))
    for key, name, height, width in add_images(builder, layout.folder, layout.images, report):
        labels = layout.folder / label_name(name)
        if not labels.exists():
            continue
        try:
            lines = read_text(labels).lstrip("\ufeff").splitlines()
        except InputError as error:
            report(unusable(labels, "unreadable labels", error))
            continue
        for number, line in enumerate(lines, start=1):
            if line.strip():
                reader = _LineReader(builder, str(labels), f"line {number}")
                reader.read(line.split(), key, by_class, height, width)
    _report_orphans(layout, report)
    return builder.finish()


def _report_orphans(layout: YoloLayout, report: Report) -> None:
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
                what, remedy = "belongs to no image", "add the image or remove the file"
                report(Problem(str(path), "", "labels without image", what, "left out", remedy))


class _LineReader:
    """One line: its place, for messages, and what is read from it."""

    def __init__(self, builder: IndexBuilder, file: str, item: str) -> None:
        self._builder = builder
        self._file = file
        self._item = item

    def read(
        self, fields: list[str], image_id: int, by_class: dict[int, int], height: int, width: int
    ) -> None:
        """Give the builder the object of the line, or report what is wrong with it."""
        try:
            number, *values = map(float, fields)
        except ValueError:
            self._stop("bad number", "is not a list of numbers", "write class x1 y1 x2 y2 ...")
            return
        category = by_class.get(number)  # type: ignore[call-overload]  # 2.0 finds 2
        if category is None:
            what = f"class {fields[0]:.20} is not among the {len(by_class)} of 'names'"
            self._stop("unknown category", what, "correct the class or add its name")
        elif len(values) == 4:
            what = "is a box (four numbers), not a contour"
            self._builder.left_out(self._item, "box", what, file=self._file)
        elif len(values) % 2:
            what = f"has an odd count of coordinates ({len(values)})"
            self._stop("odd count", what, "write x and y of every point")
        elif any(abs(value) > _LARGEST for value in values):
            what = "holds coordinates that are not divided by the size of the image"
            self._stop("not normalised", what, "divide x by the width and y by the height")
        else:
            self._add(np.array(values).reshape(-1, 2), image_id, category, height, width)

    def _add(
        self, points: np.ndarray, image_id: int, category: int, height: int, width: int
    ) -> None:
        components: list[Component] = [(points, [])]
        if len(points) >= 3 and np.isfinite(points).all():
            components = split_rings(points)
        scaled = [
            (_pixels(outer, height, width), [_pixels(hole, height, width) for hole in holes])
            for outer, holes in components
        ]
        pierced = any(holes for _, holes in scaled)
        runs = encode_mask(components_to_mask(scaled, height, width)) if pierced else None
        self._builder.add(
            id=None,
            image_id=image_id,
            category_id=category,
            polygons=[outer for outer, _ in scaled],
            runs=runs,
            size=(height, width) if pierced else None,
            item=self._item,
            file=self._file,
        )

    def _stop(self, kind: str, what: str, remedy: str) -> None:
        self._builder.problem(self._item, kind, what, remedy, file=self._file)


def _pixels(points: np.ndarray, height: int, width: int) -> np.ndarray:
    """Divided coordinates in pixels; what was a whole number of pixels is one again."""
    return np.round(points * [width, height], _DECIMALS)
