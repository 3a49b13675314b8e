"""All label formats, and which of them the data set at a path is of."""

from __future__ import annotations

import os
from pathlib import Path

from dataset.formats.cityscapes import CITYSCAPES
from dataset.formats.coco.read import COCO
from dataset.formats.cvat import CVAT
from dataset.formats.format import Format
from dataset.formats.kins import KINS
from dataset.formats.labelme.read import LABELME
from dataset.formats.mask_folder import MASKS
from dataset.formats.sbd.read import SBD
from dataset.formats.voc import VOC
from dataset.formats.yolo.read import YOLO
from lib.errors import InputError

FORMATS: tuple[Format, ...] = (
    CITYSCAPES,
    SBD,
    KINS,
    YOLO,
    VOC,
    CVAT,
    COCO,
    LABELME,
    MASKS,
)
"""The first that recognises a path is its format: what others are made of comes after them."""


def detect_format(path: str | Path) -> Format:
    """The format of a label file, or of a folder that holds a data set.

    Args:
        path: a JSON file (COCO, KINS or LabelMe), YOLO's data.yaml, or a folder.

    Raises:
        InputError: nothing is there, or nothing that is known.
    """
    path = Path(path)
    if not os.path.exists(path):
        raise InputError(
            f"{path}: no such file or folder; give labels, or the folder of a data set"
        )
    for format in FORMATS:
        if format.recognise(path):
            return format
    for format in FORMATS:
        if path.is_file() and path.suffix.lower() in format.suffixes:
            return format
    raise InputError(
        f"{path}: no labels of a known format; give a label file, or the folder of a data set, of "
        f"one of the formats {', '.join(format.title for format in FORMATS)}"
    )


def detect_labels(path: Path) -> Format:
    """The format of the labels of one split alone, a file or a folder.

    Raises:
        InputError: nothing is there, or nothing that is known.
    """
    return next((format for format in FORMATS if format.is_labels(path)), None) or detect_format(
        path
    )


def foreign_settings(format: Format) -> set[str]:
    """Names of the settings that other formats have, and this one has not."""
    return {name for other in FORMATS for name in other.settings} - set(format.settings)


def format_named(name: str) -> Format:
    """The format of a name, as settings have it.

    Raises:
        ValueError: there is none.
    """
    for format in FORMATS:
        if format.name == name:
            return format
    raise ValueError(f"{name} is no format of labels on disk")
