"""Outlines to masks and run lengths, rasterised as COCO's tools do it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pycocotools import mask as coco_mask

from dataset.index.records import AnnotationRecord
from dataset.masks.rings import Component
from dataset.masks.run_lengths import decode_mask
from lib.polygons.geometry import clip_far


def polygons_to_mask(polygons: Sequence[np.ndarray], height: int, width: int) -> np.ndarray:
    """(height, width) bool: inside of any of the closed polygons (n, 2), n >= 3, x then y."""
    if not polygons:
        return np.zeros((height, width), bool)
    flat = [clip_far(polygon, width, height).ravel().tolist() for polygon in polygons]
    merged = coco_mask.merge(coco_mask.frPyObjects(flat, height, width))
    return coco_mask.decode(merged).astype(bool)


def components_to_mask(components: Sequence[Component], height: int, width: int) -> np.ndarray:
    """(height, width) bool: inside of any component, that is of its outer ring and no hole."""
    mask = polygons_to_mask([outer for outer, holes in components if not holes], height, width)
    for outer, holes in components:
        if holes:
            mask |= polygons_to_mask([outer], height, width) & ~polygons_to_mask(
                holes, height, width
            )
    return mask


def annotation_mask(annotation: AnnotationRecord, height: int, width: int) -> np.ndarray:
    """(height, width) bool: the mask of an annotation, exact where the source is a mask."""
    if annotation.runs is not None:
        return decode_mask(annotation.runs, height, width)
    return polygons_to_mask(annotation.polygons, height, width)
