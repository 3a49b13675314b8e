"""YOLO's segmentation format as a label format."""

from __future__ import annotations

from pathlib import Path

from dataset.formats.class_list import CLASSES_TXT
from dataset.formats.format import Format, Split, SplitName
from dataset.formats.json_files import json_files
from dataset.formats.yolo.data_yaml import YAML_NAMES, names_classes
from dataset.formats.yolo.layout import yolo_image_folder, yolo_source_files, yolo_splits
from dataset.formats.yolo.read import read_yolo


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
