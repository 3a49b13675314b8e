"""LabelMe's JSON files as a label format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from dataset.formats.class_list import has_class_list
from dataset.formats.format import Format, Reading, Split, SplitName
from dataset.formats.image_folder import folder_files
from dataset.formats.json_files import MOST_FILES, json_files, json_holds
from dataset.formats.labelme.read import read_labelme
from dataset.formats.split_folders import split_folders


def _recognise(path: Path) -> bool:
    if not path.is_dir():
        return json_holds(path, "shapes")
    return any(
        json_holds(file, "shapes") and not json_holds(file, "images", "annotations")
        for file in islice(json_files(path), MOST_FILES)
    )


def _splits(path: Path, reading: Reading) -> Iterator[Split]:
    folder = path if path.is_dir() else path.parent
    for place in (folder / "labels", folder):
        splits = split_folders(place, ".json")
        listed = any(map(has_class_list, splits.values()))
        together = [] if listed else list(splits.values())
        for name, labels in splits.items():
            near = folder / "images" / labels.name if place != folder else labels
            images = reading.images_of(labels.name) or near
            yield _folder(name, name, labels, images if images.is_dir() else labels, together)
        if splits:
            return
    given = reading.images
    yield _folder(folder.name, None, folder, given if given and given.is_dir() else folder)


def _split(name: SplitName, labels: Path, reading: Reading) -> Split:
    return _folder(name, name, labels, reading.images or labels)


def _folder(
    name: str, role: SplitName | None, labels: Path, images: Path, together: Sequence[Path] = ()
) -> Split:
    return Split(
        name,
        role,
        lambda report: read_labelme(labels, images, together=together, report=report),
        lambda _: images,
        lambda: [
            *folder_files(labels, images),
            *(f for place in together if place != labels for f in folder_files(place, place)),
        ],
    )


LABELME = Format(
    name="labelme",
    title="LabelMe",
    recognise=_recognise,
    splits=_splits,
    split=_split,
    labels="folder",
)
