"""COCO results: the list of dictionaries that COCO's tools read for evaluation."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from dataset.masks.rings import join_rings
from dataset.masks.run_lengths import runs_box
from e2ec.results.instances import Instances
from e2ec.results.masks import compressed_masks
from lib.polygons.geometry import area, bounding_box, clip_far, clip_to_box


def coco_results(
    contours: Instances,
    image_id: int,
    *,
    segmentation: Literal["polygon", "rle"] = "polygon",
    decimals: int = 2,
) -> list[dict[str, Any]]:
    """The instances of one image in COCO's results format.

    Each dictionary has image_id, category_id, segmentation, score, bbox ([x, y, width, height])
    and area, in pixels. Box and area are those of what lies inside the image, as masks and COCO's
    labels end there too; an instance outside the image has zeros. Polygons are flat lists
    x0, y0, x1, y1, ..., one per part, and not cut off; holes are joined to their part by bridges
    (`dataset.masks.rings`), edges that are walked there and back and enclose nothing. "rle" gives
    compressed run lengths with the counts as text: the exact mask, or the parts without their holes
    as COCO's tools rasterise them (`results.masks`); evaluators other than ours accept only that
    form. Scores are not rounded: equal scores would change the order in which an evaluator takes
    detections.

    Raises:
        ValueError: `segmentation` is neither "polygon" nor "rle".
    """
    if segmentation not in ("polygon", "rle"):
        raise ValueError(f'segmentation must be "polygon" or "rle", not {segmentation!r}')
    if segmentation == "rle":
        shapes: list[Any] = [
            {"size": [contours.height, contours.width], "counts": counts}
            for counts in compressed_masks(contours)
        ]
    else:
        shapes = [_polygons(contours, i, decimals) for i in range(len(contours))]
    results = []
    for i, shape in enumerate(shapes):
        box, visible = _visible_box_and_area(contours, i)
        results.append(
            {
                "image_id": int(image_id),
                "category_id": contours.category_ids[contours.labels[i]],
                "segmentation": shape,
                "score": float(contours.scores[i]),
                "bbox": _flat(box, decimals),
                "area": round(visible, decimals),
            }
        )
    return results


def _polygons(contours: Instances, index: int, decimals: int) -> list[list[float]]:
    return [
        _flat(join_rings([(part, holes)]) if holes else part, decimals)
        for part, holes in zip(contours.parts[index], contours.holes[index], strict=True)
    ]


def _flat(values: np.ndarray, decimals: int) -> list[float]:
    return np.round(values.astype(np.float64), decimals).ravel().tolist()


def _visible_box_and_area(contours: Instances, index: int) -> tuple[np.ndarray, float]:
    """Box (x, y, width, height) and area of an instance inside the image."""
    height, width = contours.height, contours.width
    runs = contours.runs[index]
    if runs is not None:
        left, top, right, bottom = runs_box(runs, height)
        return np.array([left, top, right - left, bottom - top]), float(runs[1::2].sum())
    parts = [_inside(part, width, height) for part in contours.parts[index]]
    sizes = [area(part) for part in parts]
    visible = [part for part, size in zip(parts, sizes, strict=True) if size > 0]
    if not visible:
        return np.zeros(4), 0.0
    x0, y0, x1, y1 = bounding_box(np.concatenate(visible))
    holes = [hole for inner in contours.holes[index] for hole in inner]
    without = sum(area(_inside(hole, width, height)) for hole in holes)
    return np.array([x0, y0, x1 - x0, y1 - y0]), float(sum(sizes) - without)


def _inside(ring: np.ndarray, width: int, height: int) -> np.ndarray:
    return clip_to_box(clip_far(ring, width, height), width, height)
