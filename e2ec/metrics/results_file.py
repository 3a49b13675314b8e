"""Reading COCO results files, whoever made them.

A file is a JSON list with one object per detection: image_id, category_id, score, and a
segmentation (polygons or run lengths), a bbox ([x, y, width, height]), or both. Only that is
checked here; whether the values can be used is found out by the evaluation (`coco_inputs`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from e2ec.metrics.precision_recall import IOU_TYPES, IouType
from lib.errors import InputError
from lib.files import read_json


def read_results(path: str | Path) -> list[dict[str, Any]]:
    """The detections of a COCO results file, as they stand there.

    Raises:
        InputError: not a results file; the message names the file, the entry (from 0) and what to
            do.
    """
    entries = read_json(path)
    if not isinstance(entries, list):
        raise InputError(
            f"{path}: not COCO results (no list of detections); give the list of detections, each "
            "with image_id, category_id, score and segmentation or bbox"
        )
    for number, entry in enumerate(entries):
        where = f"{path}: entry {number}"
        if not isinstance(entry, dict):
            raise InputError(
                f"{where}: not an object; write image_id, category_id, score and a mask"
            )
        if not entry.get("segmentation") and not entry.get("bbox"):
            raise InputError(
                f'{where}: neither "segmentation" nor "bbox"; write at least one of them'
            )
    return entries


def supported_iou_types(results: Sequence[Mapping[str, Any]]) -> tuple[IouType, ...]:
    """What results can be evaluated by: all types where every result has a mask, else "bbox" alone.

    No type at all is left where some results have a mask only and others a box only. Results that
    are empty can be evaluated by every type.
    """
    if all(result.get("segmentation") for result in results):
        return IOU_TYPES
    return ("bbox",) if all(result.get("bbox") for result in results) else ()
