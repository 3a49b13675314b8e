"""LabelMe labels: a JSON file an image.

LabelMe puts (0, 0) at the top-left corner of the top-left pixel, as this project does. Shapes of
one label and one `group_id` are the parts of one object; the flag `crowd` marks a crowd region.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from dataset.checks.problems import Report, Unusable, read_whole, strict
from dataset.formats.class_list import CLASSES_JSON, has_class_list, read_class_list
from dataset.formats.format import Format, Split
from dataset.formats.json_files import MOST_FILES, json_files, json_holds
from dataset.formats.labelme.shapes import Shape, encloses, merge_shapes, read_shape
from dataset.formats.split_folders import (
    folder_files,
    folder_images,
    images_of_split,
    split_folders,
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
        self._builder = IndexBuilder(str(folder), report)
        self._classes = read_class_list(folder)
        self._seen: dict[str, Path] = {}
        self._objects: list[dict[str, Any]] = []

    def read(self, number: int, path: Path) -> None:
        """Read the file of one image."""
        with self._builder.reading(path):
            document = read_whole(read_json, path, "unreadable labels")
            if not isinstance(document, dict) or not isinstance(document.get("shapes"), list):
                raise Unusable("not LabelMe", "not a LabelMe file", "move it elsewhere")
            name = self._image_name(path, document)
            height, width = self._size(document, name)
            self._builder.add_image(number, name, width, height)
            self._read_shapes(number, path, document["shapes"], height, width)

    def _read_shapes(
        self, number: int, path: Path, entries: list[Any], height: int, width: int
    ) -> None:
        groups: dict[_Group, dict[int, Shape]] = defaultdict(dict)
        for place, entry in enumerate(entries):
            with self._builder.reading(path, f"shape {place}"):
                shape = read_shape(entry, height, width)
                key = (shape.label, ("alone", place) if shape.group is None else shape.group)
                groups[key][place] = shape
        for (label, _), shapes in groups.items():
            polygons, runs = merge_shapes(list(shapes.values()), height, width)
            self._objects.append(
                {
                    "label": label,
                    "image_id": number,
                    "crowd": any(shape.crowd for shape in shapes.values()),
                    "polygons": polygons,
                    "runs": runs,
                    "size": None if runs is None else (height, width),
                    "place": (path, "shape " + ", ".join(map(str, shapes))),
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
            with self._builder.reading(*entry.pop("place")):
                if label not in by_name:
                    what = f"label {label!r:.60} is not in the list of classes"
                    remedy = "add it to the list or correct the label"
                    raise Unusable("unknown category", what, remedy)
                self._builder.add(id=None, category_id=by_name[label], **entry)
        return self._builder.finish()

    def _image_name(self, path: Path, document: dict[str, Any]) -> str:
        """The image's name relative to the folder of images."""
        value = document.get("imagePath")
        if not isinstance(value, str) or not value or not is_file_name(value):
            what, remedy = "'imagePath' must name the image", "write the name of the image file"
            raise Unusable("file name", what, remedy)
        # LabelMe on Windows writes backslashes.
        image = path.parent / value.replace("\\", "/")
        name = relative_name(image, self._images)
        if name is None:  # links may lead back
            name = relative_name(os.path.realpath(image), os.path.realpath(self._images))
        if name is None:
            what = f"'imagePath' {value!r:.200} leads out of the image folder {self._images}"
            remedy = "give the folder that holds the images, or move the image beside the file"
            raise Unusable("file name", what, remedy)
        if name in self._seen:
            what = f"image {name} has labels in {self._seen[name]} already"
            raise Unusable("repeated image", what, "keep one of the files")
        self._seen[name] = path
        return Path(name).as_posix()

    def _size(self, document: dict[str, Any], name: str) -> tuple[int, int]:
        """(height, width) of the image."""
        image = self._images / name
        if document.get("imageData") and not os.path.isfile(image):
            what = f"the image is only inside of this file ('imageData'), {image} is missing"
            raise Unusable("embedded image", what, "save the image there")
        height, width = read_whole(image_size, image, "unreadable image")
        given = (document.get("imageHeight"), document.get("imageWidth"))
        if all(type(side) is int for side in given) and given != (height, width):
            own = f"{given[1]} x {given[0]} pixels"
            what = f"is for an image of {own}, {image} is {width} x {height}"
            raise Unusable("image size", what, "use the image that was labelled")
        return height, width


def _recognise(path: Path) -> bool:
    if not path.is_dir():
        return json_holds(path, "shapes")
    return any(
        json_holds(file, "shapes") and not json_holds(file, "images", "annotations")
        for file in islice(json_files(path), MOST_FILES)
    )


def _splits(path: Path, images: Path | None) -> Iterator[Split]:
    folder = path if path.is_dir() else path.parent
    for place in (folder / "labels", folder):
        splits = split_folders(place, ".json")
        listed = any(map(has_class_list, splits.values()))
        together = () if listed else tuple(splits.values())
        for name, labels in splits.items():
            near = folder / "images" / labels.name if place != folder else labels
            yield Split(
                name,
                name,
                labels,
                _if_there(images_of_split(images, labels.name) or near),
                together=together,
            )
        if splits:
            return
    yield Split(folder.name, None, folder, _if_there(images))


def _if_there(folder: Path | None) -> Path | None:
    return folder if folder is not None and folder.is_dir() else None


LABELME = Format(
    name="labelme",
    title="LabelMe",
    recognise=_recognise,
    splits=_splits,
    read=lambda split, report: read_labelme(
        split.labels, split.images, together=split.together, report=report
    ),
    images=lambda split, _: folder_images(split),
    sources=folder_files,
    labels="folder",
)
