"""Writing the project's own format (docs/contours.md)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from e2ec.results.formats.rounding import rounded_numbers, rounded_ring, rounded_score
from e2ec.results.instances import ContourInstance, Instances
from e2ec.results.masks import compressed_masks

FORMAT = "e2ec-contours"
VERSION = 1


def document(images: Sequence[Instances], *, decimals: int = 2) -> dict[str, Any]:
    """The document of several images that share their classes.

    Args:
        images: contours of each image; an empty sequence gives a document without classes.
        decimals: digits after the point of coordinates, boxes and areas (pixels).

    Raises:
        ValueError: the images have different classes.
    """
    first = images[0] if images else None
    for instances in images:
        if first is not None and _classes(instances) != _classes(first):
            raise ValueError("the images of one document must have the same classes")
    return {
        "format": FORMAT,
        "version": VERSION,
        "class_names": list(first.class_names) if first is not None else [],
        "category_ids": list(first.category_ids) if first is not None else [],
        "images": [_image_entry(instances, decimals) for instances in images],
    }


def frame_line(contours: Instances, *, frame: int, time_s: float, decimals: int = 2) -> str:
    """One line of a video's file: the document of one frame, with its number and its time.

    Args:
        contours: contours of the frame.
        frame: number of the frame, counted from 0.
        time_s: time of the frame from the start, in seconds.
        decimals: digits after the point of coordinates, boxes and areas (pixels).

    Returns:
        JSON text that ends in a newline.
    """
    line = {"frame": int(frame), "time_s": round(float(time_s), 6)}
    line.update(document([contours], decimals=decimals))
    return json.dumps(line, allow_nan=False) + "\n"


def _classes(contours: Instances) -> tuple[tuple[str, ...], tuple[int, ...]]:
    return contours.class_names, contours.category_ids


def _image_entry(contours: Instances, decimals: int) -> dict[str, Any]:
    masks = [runs is not None for runs in contours.runs]
    counts = iter(compressed_masks(contours[np.array(masks, bool)]) if any(masks) else [])
    return {
        "source": contours.source,
        "width": contours.width,
        "height": contours.height,
        "instances": [
            _instance_entry(instance, decimals) | ({"counts": next(counts)} if mask else {})
            for instance, mask in zip(contours, masks, strict=True)
        ],
    }


def _instance_entry(instance: ContourInstance, decimals: int) -> dict[str, Any]:
    # Box and area are those of the rounded polygons, so that a reader finds the same.
    rounded = ContourInstance(
        instance.label,
        instance.class_name,
        instance.score,
        [np.round(part, decimals) for part in instance.parts],
        [[np.round(hole, decimals) for hole in holes] for holes in instance.holes],
    )
    entry = {
        "class": rounded.class_name,
        "class_index": rounded.label,
        "score": rounded_score(rounded.score),
        "box": rounded_numbers(np.array(rounded.box), decimals),
        "area": round(rounded.area, decimals),
        "parts": [rounded_ring(part, decimals) for part in rounded.parts],
    }
    if instance.track_id is not None:
        entry["track_id"] = instance.track_id
    if any(rounded.holes):
        entry["holes"] = [
            [rounded_ring(hole, decimals) for hole in holes] for holes in rounded.holes
        ]
    return entry
