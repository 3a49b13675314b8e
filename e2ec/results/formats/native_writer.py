"""Writing the project's own format (docs/contours.md)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from e2ec.results.formats.rounding import SCORE_DECIMALS
from e2ec.results.instances import ContourInstance, Instances, components_area
from e2ec.results.masks import compressed_masks
from lib.polygons.geometry import bounding_box

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
    classes = {(instances.class_names, instances.category_ids) for instances in images}
    if len(classes) > 1:
        raise ValueError("the images of one document must have the same classes")
    names, ids = classes.pop() if classes else ((), ())
    return {
        "format": FORMAT,
        "version": VERSION,
        "class_names": list(names),
        "category_ids": list(ids),
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


def _image_entry(contours: Instances, decimals: int) -> dict[str, Any]:
    masks = np.array([runs is not None for runs in contours.runs], bool)
    counts = iter(compressed_masks(contours[masks]) if masks.any() else [])
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
    parts = [np.round(part, decimals) for part in instance.parts]
    holes = [[np.round(hole, decimals) for hole in inner] for inner in instance.holes]
    entry = {
        "class": instance.class_name,
        "class_index": instance.label,
        "score": round(instance.score, SCORE_DECIMALS),
        # Of the rounded polygons, so that a reader finds the same.
        "box": list(bounding_box(np.concatenate(parts))),
        "area": round(components_area(parts, holes), decimals),
        "parts": [part.tolist() for part in parts],
    }
    if instance.track_id is not None:
        entry["track_id"] = instance.track_id
    if any(holes):
        entry["holes"] = [[hole.tolist() for hole in inner] for inner in holes]
    return entry
