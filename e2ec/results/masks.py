"""Instances as masks, dense or as run lengths.

Run lengths are decoded as they are. A polygon is rasterised as COCO's tools do it, and what lies
outside the image is cut off; a part covers the fill of its outer ring without the fill of its
holes, and an instance covers what any of its parts covers.
"""

from __future__ import annotations

import numpy as np
from pycocotools import mask as coco_mask

from dataset.masks.rasterize import components_to_mask
from dataset.masks.run_lengths import decode_mask, encode_mask
from e2ec.results.instances import Instances
from lib.ops import polygons_to_rle, rasterize_polygons
from lib.polygons.geometry import clip_far


def dense_masks(instances: Instances) -> np.ndarray:
    """(n, height, width) uint8: 1 inside the instance, 0 elsewhere."""
    plain = _plain(instances)
    if plain.all() and len(instances):
        return _filled(instances)
    masks = np.zeros((len(instances), instances.height, instances.width), np.uint8)
    if plain.any():
        masks[plain] = _filled(instances[plain])
    for i in np.flatnonzero(~plain):
        masks[i] = exact_mask(instances, int(i))
    return masks


def compressed_masks(instances: Instances) -> list[str]:
    """COCO's compressed run lengths of every instance, the `counts` of its masks as text."""
    # Polygons go to run lengths directly: 400 dense masks of a large image would fill gigabytes.
    plain = _plain(instances)
    parts = [instances.parts[i] for i in np.flatnonzero(plain)]
    filled = iter(
        polygons_to_rle(
            [part for rings in parts for part in rings],
            instances.height,
            instances.width,
            parts=[len(rings) for rings in parts],
        )
    )
    counts = [next(filled) if alone else _compressed(instances, i) for i, alone in enumerate(plain)]
    return [text.decode("ascii") for text in counts]


def exact_mask(instances: Instances, index: int) -> np.ndarray:
    """(height, width) bool: the mask of one instance."""
    height, width = instances.height, instances.width
    runs = instances.runs[index]
    if runs is not None:
        return decode_mask(runs, height, width)
    components = zip(instances.parts[index], instances.holes[index], strict=True)
    return components_to_mask(list(components), height, width)


def _plain(instances: Instances) -> np.ndarray:
    """(n,) bool: which instances are polygons without holes."""
    return np.array(
        [runs is None and not any(instances.holes[i]) for i, runs in enumerate(instances.runs)],
        bool,
    )


def _filled(instances: Instances) -> np.ndarray:
    """(n, height, width) uint8 masks of polygons without holes, n >= 1."""
    height, width = instances.height, instances.width
    polygons = [clip_far(part, width, height) for parts in instances.parts for part in parts]
    masks = rasterize_polygons(polygons, height, width).numpy()
    counts = np.array([len(parts) for parts in instances.parts])
    if np.all(counts == 1):
        return masks
    return np.maximum.reduceat(masks, np.cumsum(counts) - counts, axis=0)


def _compressed(instances: Instances, index: int) -> bytes:
    size = [instances.height, instances.width]
    runs = instances.runs[index]
    if runs is None:
        runs = encode_mask(exact_mask(instances, index))
    return coco_mask.frPyObjects({"size": size, "counts": runs.tolist()}, *size)["counts"]
