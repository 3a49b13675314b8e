"""LabelMe documents (version 5): contours as polygons that can be corrected by hand."""

from __future__ import annotations

from typing import Any

from e2ec.results.contours import Contours
from e2ec.results.formats.rounding import rounded_ring, rounded_score

LABELME_VERSION = "5.5.0"


def labelme_document(
    contours: Contours, image_path: str | None = None, *, decimals: int | None = 2
) -> dict[str, Any]:
    """One image's contours as the JSON document LabelMe reads and writes.

    LabelMe puts (0, 0) at the top-left corner of the top-left pixel, as this project does, so the
    coordinates are the same. Every part is a shape of its own; the parts of one instance share a
    `group_id`, and instances of a single part have none. The score is kept in each shape under
    "score", a field LabelMe carries along unchanged. The image itself is not included.

    Args:
        contours: the contours of one image.
        image_path: path of the image relative to the LabelMe file, which LabelMe needs in order to
            show it; the file name of `contours.source` when not given.
        decimals: digits after the point of every coordinate; None keeps them all.
    """
    shapes: list[dict[str, Any]] = []
    for group, instance in enumerate(contours):
        for part in instance.parts:
            shapes.append(
                {
                    "label": instance.class_name,
                    "points": rounded_ring(part, decimals),
                    "group_id": group if len(instance.parts) > 1 else None,
                    "description": "",
                    "shape_type": "polygon",
                    "flags": {},
                    "score": rounded_score(instance.score),
                }
            )
    return {
        "version": LABELME_VERSION,
        "flags": {},
        "shapes": shapes,
        "imagePath": contours.source_name if image_path is None else image_path,
        "imageData": None,
        "imageHeight": contours.height,
        "imageWidth": contours.width,
    }
