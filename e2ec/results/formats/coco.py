"""COCO results: the list of dictionaries that COCO's tools read for evaluation."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from e2ec.results.contours import ContourInstance, Contours
from e2ec.results.formats.rounding import rounded_numbers
from lib.ops import polygons_to_rle
from lib.polygons.geometry import area, bounding_box, clip_far, clip_to_box


def coco_results(
    contours: Contours,
    image_id: int,
    *,
    segmentation: Literal["polygon", "rle"] = "polygon",
    decimals: int = 2,
) -> list[dict[str, Any]]:
    """The instances of one image in COCO's results format.

    Each dictionary has image_id, category_id, segmentation, score, bbox ([x, y, width, height])
    and area, in pixels. Box and area are those of the part inside the image, as masks and COCO's
    labels end there too; of an instance outside the image they are zeros. Polygons are flat lists
    x0, y0, x1, y1, ..., one per part, and not cut off. "rle" gives compressed run lengths with the
    counts as text, the union of the parts as COCO's tools rasterise it; evaluators other than ours
    accept only that form. Scores are not rounded: equal scores would change the order in which an
    evaluator takes detections.

    Raises:
        ValueError: `segmentation` is neither "polygon" nor "rle".
    """
    if segmentation not in ("polygon", "rle"):
        raise ValueError(f'segmentation must be "polygon" or "rle", not {segmentation!r}')
    masks = _run_lengths(contours) if segmentation == "rle" else [{}] * len(contours)
    results = []
    for instance, mask in zip(contours, masks, strict=True):
        box, size = _visible_box_and_area(instance, contours.height, contours.width)
        polygons = [rounded_numbers(part, decimals) for part in instance.parts]
        results.append(
            {
                "image_id": int(image_id),
                "category_id": contours.category_ids[instance.label],
                "segmentation": polygons if segmentation == "polygon" else mask,
                "score": instance.score,
                "bbox": rounded_numbers(box, decimals),
                "area": round(size, decimals),
            }
        )
    return results


def _visible_box_and_area(
    instance: ContourInstance, height: int, width: int
) -> tuple[np.ndarray, float]:
    """Box (x, y, width, height) and area of the parts inside the image."""
    parts = [clip_far(part, width, height) for part in instance.parts]
    parts = [clip_to_box(part, width, height) for part in parts]
    sizes = [area(part) for part in parts]
    visible = [part for part, size in zip(parts, sizes, strict=True) if size > 0]
    if not visible:
        return np.zeros(4), 0.0
    x0, y0, x1, y1 = bounding_box(np.concatenate(visible))
    return np.array([x0, y0, x1 - x0, y1 - y0]), sum(sizes)


def _run_lengths(contours: Contours) -> list[dict[str, Any]]:
    # Polygons go to run lengths directly: 400 dense masks of a large image would fill gigabytes.
    counts = polygons_to_rle(
        [part for parts in contours.parts for part in parts],
        contours.height,
        contours.width,
        parts=[len(parts) for parts in contours.parts],
    )
    size = [contours.height, contours.width]
    return [{"size": size.copy(), "counts": text.decode("ascii")} for text in counts]
