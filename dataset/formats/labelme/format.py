"""LabelMe's JSON files as a label format."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from dataset.formats.class_list import has_class_list
from dataset.formats.format import Format, Split
from dataset.formats.json_files import MOST_FILES, json_files, json_holds
from dataset.formats.labelme.read import read_labelme
from dataset.formats.split_folders import (
    folder_files,
    folder_images,
    images_of_split,
    split_folders,
)


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
