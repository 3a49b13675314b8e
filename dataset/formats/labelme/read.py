"""LabelMe labels: a JSON file an image.

LabelMe puts (0, 0) at the top-left corner of the top-left pixel, as this project does. Shapes of
one label and one `group_id` are the parts of one object; the flag `crowd` marks a crowd region.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dataset.checks.problems import Problem, Report, strict
from dataset.formats.class_list import CLASSES_JSON, read_class_list
from dataset.formats.image_folder import unusable
from dataset.formats.labelme.shapes import (
    Shape,
    ShapeError,
    SkippedShape,
    encloses,
    merge_shapes,
    read_shape,
)
from dataset.index.builder import IndexBuilder
from dataset.index.inputs import is_file_name, relative_name
from dataset.index.label_index import LabelIndex
from lib.errors import InputError
from lib.files import read_json
from lib.images import image_size

_Group = tuple[str, Any]


def read_labelme(
    folder: str | Path,
    images: str | Path | None = None,
    *,
    together: Sequence[Path] = (),
    report: Report = strict,
) -> LabelIndex:
    """Read all JSON files in a folder and its folders; file names are relative to `images`.

    Classes are those of `classes.json` or `classes.txt` in the folder, else all labels found,
    sorted. Images without a JSON file are not in the index: nobody has looked at them yet.

    Args:
        folder: folder of the JSON files.
        images: folder that holds all the images; None takes `folder` itself.
        together: the folders of all splits of the data set, where none has a list of classes: the
            classes are then the labels found in any of them, so that all splits have the same.
        report: told every problem.

    Raises:
        InputError: the folder is missing or has no JSON file, or the list of classes is unusable.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder}: folder not found; give the folder of the LabelMe files")
    paths = _label_files(folder)
    if not paths:
        raise InputError(f"{folder}: has no JSON files; give the folder of the LabelMe files")
    reader = _Reader(folder, Path(images or folder), report)
    for number, path in enumerate(paths, start=1):
        reader.read(number, path)
    return reader.finish(set().union(*map(_labels_in, together)))


def _label_files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*.json") if p != folder / CLASSES_JSON)


def _labels_in(folder: Path) -> set[str]:
    """The labels of all shapes in a folder that enclose something; nothing is checked."""
    found: set[str] = set()
    for path in _label_files(folder):
        try:
            document = read_json(path)
        except InputError:
            continue  # a problem of the split that it is in
        shapes = document.get("shapes") if isinstance(document, dict) else None
        for entry in shapes if isinstance(shapes, list) else ():
            if isinstance(entry, dict) and isinstance(entry.get("label"), str) and encloses(entry):
                found.add(entry["label"])
    return found


class _Reader:
    """Collects the objects of all files; classes are known when all are read."""

    def __init__(self, folder: Path, images: Path, report: Report) -> None:
        self._images = images
        self._report = report
        self._builder = IndexBuilder(str(folder), report)
        self._classes = read_class_list(folder)
        self._seen: dict[str, Path] = {}
        self._objects: list[dict[str, Any]] = []

    def read(self, number: int, path: Path) -> None:
        """Read the file of one image."""
        try:
            document = read_json(path)
        except InputError as error:
            self._report(unusable(path, "unreadable labels", error))
            return
        if not isinstance(document, dict) or not isinstance(document.get("shapes"), list):
            self._stop(path, "", "not LabelMe", "not a LabelMe file", "move it elsewhere")
            return
        name = self._image_name(path, document)
        size = self._size(path, document, name) if name is not None else None
        if name is None or size is None:
            return
        height, width = size
        self._builder.add_image(number, name, width, height)
        groups: dict[_Group, list[Shape]] = {}
        places: dict[_Group, list[int]] = {}
        for place, entry in enumerate(document["shapes"]):
            shape = self._shape(path, place, entry, size)
            if shape is not None:
                key = (shape.label, ("alone", place) if shape.group is None else shape.group)
                groups.setdefault(key, []).append(shape)
                places.setdefault(key, []).append(place)
        for key, shapes in groups.items():
            polygons, runs = merge_shapes(shapes, height, width)
            self._objects.append(
                {
                    "label": key[0],
                    "image_id": number,
                    "crowd": any(shape.crowd for shape in shapes),
                    "polygons": polygons,
                    "runs": runs,
                    "size": None if runs is None else size,
                    "item": "shape " + ", ".join(map(str, places[key])),
                    "file": str(path),
                }
            )

    def finish(self, labels: set[str]) -> LabelIndex:
        """Number the classes, including those of `labels`, and make the index."""
        classes = self._classes
        if classes is None:
            labels = labels | {entry["label"] for entry in self._objects}
            classes = dict(enumerate(sorted(labels) or ["object"], start=1))
        for key, name in classes.items():
            self._builder.add_category(key, name)
        by_name = {name: key for key, name in classes.items()}
        for entry in self._objects:
            label = entry.pop("label")
            if label in by_name:
                self._builder.add(id=None, category_id=by_name[label], **entry)
            else:
                what = f"label {label!r:.60} is not in the list of classes"
                remedy = "add it to the list or correct the label"
                self._stop(entry["file"], entry["item"], "unknown category", what, remedy)
        return self._builder.finish()

    def _image_name(self, path: Path, document: dict[str, Any]) -> str | None:
        """The image's name relative to the folder of images; None after a report."""
        value = document.get("imagePath")
        if not isinstance(value, str) or not value or not is_file_name(value):
            what, remedy = "'imagePath' must name the image", "write the name of the image file"
            self._stop(path, "", "file name", what, remedy)
            return None
        # LabelMe on Windows writes backslashes.
        image = path.parent / value.replace("\\", "/")
        name = relative_name(image, self._images)
        if name is None:  # links may lead back
            name = relative_name(os.path.realpath(image), os.path.realpath(self._images))
        if name is None:
            what = f"'imagePath' {value!r:.200} leads out of the image folder {self._images}"
            remedy = "give the folder that holds the images, or move the image beside the file"
            self._stop(path, "", "file name", what, remedy)
            return None
        if name in self._seen:
            what = f"image {name} has labels in {self._seen[name]} already"
            self._stop(path, "", "repeated image", what, "keep one of the files")
            return None
        self._seen[name] = path
        return Path(name).as_posix()

    def _size(self, path: Path, document: dict[str, Any], name: str) -> tuple[int, int] | None:
        """(height, width) of the image; None after a report."""
        image = self._images / name
        if document.get("imageData") and not os.path.isfile(image):
            what = f"the image is only inside of this file ('imageData'), {image} is missing"
            self._stop(path, "", "embedded image", what, "save the image there")
            return None
        try:
            height, width = image_size(image)
        except InputError as error:
            self._report(unusable(image, "unreadable image", error))
            return None
        given = (document.get("imageHeight"), document.get("imageWidth"))
        if all(type(side) is int for side in given) and given != (height, width):
            what = (
                f"is for an image of {given[1]} x {given[0]} pixels, {image} is {width} x {height}"
            )
            self._stop(path, "", "image size", what, "use the image that was labelled")
            return None
        return height, width

    def _shape(self, path: Path, place: int, entry: Any, size: tuple[int, int]) -> Shape | None:
        """The shape of an entry; None after a report."""
        item = f"shape {place}"
        try:
            return read_shape(entry, *size)
        except SkippedShape as error:
            self._builder.left_out(item, error.kind, str(error), file=str(path))
        except ShapeError as error:
            self._stop(path, item, error.kind, str(error), "correct or remove the shape")
        return None

    def _stop(self, path: Path | str, item: str, kind: str, what: str, remedy: str) -> None:
        self._report(Problem(str(path), item, kind, what, "stops", remedy))
