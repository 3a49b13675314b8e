"""COCO's instance format as a label format."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from dataset.formats.coco.read import read_coco
from dataset.formats.format import Format, file_splits
from dataset.formats.json_files import MOST_FILES, json_holds
from dataset.formats.kins import is_kins_file

_KEYS = ("images", "annotations")


def coco_files(folder: Path) -> list[Path]:
    """The COCO annotation files of a folder or its `annotations`, sorted by name.

    Where some are called `instances_...`, as COCO calls them, the others (captions, key points) are
    not among them.
    """
    places = [folder, folder / "annotations", *sorted(p for p in folder.glob("*") if p.is_dir())]
    files = dict.fromkeys(file for place in places for file in sorted(place.glob("*.json")))
    known = [file for file in files if file.name.startswith("instances_")]
    tried = islice(files, MOST_FILES)
    return known or [file for file in tried if json_holds(file, *_KEYS) and not is_kins_file(file)]


COCO = Format(
    name="coco",
    title="COCO",
    recognise=lambda path: bool(coco_files(path)) if path.is_dir() else json_holds(path, *_KEYS),
    splits=lambda path, images: file_splits(coco_files(path) if path.is_dir() else [path], images),
    read=lambda split, report: read_coco(split.labels, report),
    labels="file",
    suffixes=(".json",),  # without the keys it is damaged, or lists images alone
)
