"""Reading COCO results files, whoever made them.

A file is a JSON list with one object per detection: image_id, category_id, score, and a
segmentation (polygons or run lengths), a bbox ([x, y, width, height]), or both. Other fields are
left out. Only the form is checked here: whether ids and masks fit the data is found out by the
evaluation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from e2ec.metrics.precision_recall import IOU_TYPES, IouType
from lib.errors import InputError
from lib.files import read_json


def read_results(path: str | Path) -> list[dict[str, Any]]:
    """The detections of a COCO results file.

    Ids may be written as 42 or 42.0, not as "42": what text would mean as an id is for its maker to
    say.

    Returns:
        Dictionaries with image_id and category_id (int), score (float) and, where given,
        segmentation and bbox as in the file.

    Raises:
        InputError: not a results file; the message names the file, the entry (from 0) and what to
            do.
    """
    entries = read_json(path)
    if isinstance(entries, dict):
        raise InputError(
            f"{path}: not COCO results (an object where a list is expected); give the list of "
            "detections, each with image_id, category_id, score and segmentation or bbox"
        )
    if not isinstance(entries, list):
        raise InputError(f"{path}: not COCO results (no list of detections)")
    for number, entry in enumerate(entries):
        entries[number] = _result(entry, f"{path}: entry {number}")  # in place: files are large
    return entries


def supported_iou_types(results: Sequence[Mapping[str, Any]]) -> tuple[IouType, ...]:
    """What results can be evaluated by: all types where every result has a mask, else "bbox" alone.

    No type at all is left where some results have a mask only and others a box only. Results that
    are empty can be evaluated by every type.
    """
    if all(result.get("segmentation") for result in results):
        return IOU_TYPES
    return ("bbox",) if all(result.get("bbox") for result in results) else ()


def _result(entry: Any, where: str) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise InputError(f"{where}: not an object; write image_id, category_id, score and a mask")
    result: dict[str, Any] = {
        "image_id": _whole_number(entry, "image_id", where),
        "category_id": _whole_number(entry, "category_id", where),
        "score": _score(entry.get("score"), where),
    }
    segmentation, box = entry.get("segmentation"), entry.get("bbox")
    if segmentation:
        _check_segmentation(segmentation, where)
        result["segmentation"] = segmentation
    if box:
        _check_box(box, where)
        result["bbox"] = box
    if not segmentation and not box:
        raise InputError(f'{where}: neither "segmentation" nor "bbox"; write at least one of them')
    return result


def _whole_number(entry: Mapping[str, Any], key: str, where: str) -> int:
    value = entry.get(key)
    if type(value) is int or (type(value) is float and value.is_integer()):
        return int(value)
    raise InputError(f'{where}: "{key}" must be a whole number, not {value!r:.40}; write it as one')


def _score(value: Any, where: str) -> float:
    if _is_finite(value):
        return float(value)
    raise InputError(
        f'{where}: "score" must be a finite number, not {value!r:.40}; results need one, ground '
        "truth has none"
    )


def _check_segmentation(segmentation: Any, where: str) -> None:
    if isinstance(segmentation, list):
        if all(isinstance(polygon, list) for polygon in segmentation):
            return
        problem = "polygons must be lists of their own; write [[x0, y0, x1, y1, ...], ...]"
    elif not isinstance(segmentation, dict):
        problem = f'"segmentation" must be polygons or run lengths, not {segmentation!r:.40}'
    elif not isinstance(segmentation.get("size"), list):
        problem = 'the mask needs its "size"; write [height, width] of the image'
    elif isinstance(segmentation.get("counts"), (str, list)):
        return
    else:
        problem = 'the mask needs "counts"; write compressed text or a list of run lengths'
    raise InputError(f"{where}: {problem}")


def _check_box(box: Any, where: str) -> None:
    if not isinstance(box, list) or len(box) != 4 or not all(map(_is_finite, box)):
        raise InputError(
            f'{where}: "bbox" must be four numbers, not {box!r:.60}; write [x, y, width, height]'
        )


def _is_finite(value: Any) -> bool:
    """Whether it is a number, and one that a float can hold."""
    try:
        return type(value) in (int, float) and math.isfinite(value)
    except OverflowError:  # a whole number of hundreds of digits
        return False
