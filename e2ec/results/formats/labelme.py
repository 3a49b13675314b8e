"""LabelMe documents (version 5): contours as polygons that can be corrected by hand."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from e2ec.results.formats.rounding import SCORE_DECIMALS, rounded
from e2ec.results.instances import ContourInstance, Instances
from e2ec.results.masks import exact_mask

LABELME_VERSION = "5.5.0"


def labelme_document(
    contours: Instances,
    image_path: str | None = None,
    *,
    decimals: int | None = 2,
    flags: Sequence[dict[str, bool]] | None = None,
    scores: bool = True,
) -> dict[str, Any]:
    """One image's contours as the JSON document LabelMe reads and writes.

    LabelMe puts (0, 0) at the top-left corner of the top-left pixel, as this project does, so the
    coordinates are the same. Every part is a shape of its own; the parts of one instance share a
    `group_id`, and instances of a single part have none. LabelMe's polygons have no holes: an
    instance with holes is one shape of type "mask", of what the image shows of it. The score is
    kept in each shape under "score", a field LabelMe carries along unchanged. The image itself is
    not included.

    Args:
        contours: the contours of one image.
        image_path: path of the image relative to the LabelMe file, which LabelMe needs in order to
            show it; the file name of `contours.source` when not given.
        decimals: digits after the point of every coordinate; None keeps them all.
        flags: LabelMe's flags of every instance; none when not given.
        scores: write the scores.
    """
    shapes: list[dict[str, Any]] = []
    for index, instance in enumerate(contours):
        for shape in _shapes(contours, index, instance, decimals):
            shape["flags"] = {} if flags is None else flags[index]
            if scores:
                shape["score"] = round(instance.score, SCORE_DECIMALS)
            shapes.append(shape)
    return {
        "version": LABELME_VERSION,
        "flags": {},
        "shapes": shapes,
        "imagePath": contours.source_name if image_path is None else image_path,
        "imageData": None,
        "imageHeight": contours.height,
        "imageWidth": contours.width,
    }


def _shapes(
    contours: Instances, index: int, instance: ContourInstance, decimals: int | None
) -> list[dict[str, Any]]:
    """The shapes of an instance, without flags and score."""
    if any(instance.holes):
        mask = exact_mask(contours, index).astype(np.uint8)
        x, y, width, height = cv2.boundingRect(mask)
        if width:
            # Its two points are the first and the last pixel of the box of the mask.
            corners = [[x, y], [x + width - 1, y + height - 1]]
            _, data = cv2.imencode(".png", mask[y : y + height, x : x + width])
            text = base64.b64encode(data.tobytes()).decode("ascii")
            return [_shape(instance, "mask", corners, None) | {"mask": text}]
    group = index if len(instance.parts) > 1 else None
    rings = [rounded(part, decimals) for part in instance.parts]
    return [_shape(instance, "polygon", ring.tolist(), group) for ring in rings]


def _shape(
    instance: ContourInstance, kind: str, points: list[Any], group: int | None
) -> dict[str, Any]:
    return {
        "label": instance.class_name,
        "points": points,
        "group_id": group,
        "description": "",
        "shape_type": kind,
        "flags": {},
    }
