"""Objects as regions of a crop: moved there, cut, painted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import shapely
from shapely.geometry import Polygon, box

from dataset.loading.sample import Instance
from dataset.masks.rasterize import components_to_mask
from dataset.masks.run_lengths import decode_mask, encode_window
from dataset.masks.tracing import mask_to_rings
from lib.polygons.geometry import transform_points
from lib.polygons.ragged import Ragged

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1, pixels of the crop."""

_SLIVER = 1e-3
"""Pieces and holes of this area or less are rounding, square pixels."""
_FINE = 4
"""Rows and columns that a pixel is divided into for how much of it a region covers."""


def move_to_crop(
    instances: Sequence[Instance],
    image_size: tuple[int, int],
    matrix: np.ndarray,
    crop_size: tuple[int, int],
    seen: Box | None = None,
) -> list[Instance]:
    """What a part of a crop shows of objects; those of which it shows nothing are left out.

    Args:
        instances: objects of an image.
        image_size: its height and width, pixels.
        matrix: (2, 3) map from there to the crop.
        crop_size: height and width of the crop, pixels.
        seen: the part of the crop; None shows all of it.

    Returns:
        The objects with their outlines in the crop. Those with holes, and those that are masks
        alone, have masks there; the others need none.
    """
    x0, y0, x1, y1 = seen or (0.0, 0.0, float(crop_size[1]), float(crop_size[0]))
    corner = np.array([x0, y0])
    labels = Ragged.pack([part for one in instances for part in one.parts])
    polygons = Ragged(transform_points(labels.points, matrix) - corner, labels.offsets)
    a, b, c, d = polygons.bounding_boxes().T
    inside = (c > 0) & (d > 0) & (a < x1 - x0) & (b < y1 - y0)
    owners = np.repeat(np.arange(len(instances)), [len(one.parts) for one in instances])[inside]
    clipped = polygons.select(inside).clip_to_box(x1 - x0, y1 - y0).remove_repeated_points()
    clipped = Ragged(clipped.points + corner, clipped.offsets)
    parts: list[list[np.ndarray]] = [[] for _ in instances]
    for owner, part, area in zip(owners.tolist(), clipped, clipped.areas(), strict=True):
        if area > _SLIVER:
            parts[owner].append(part)
    moved = []
    for own, one in zip(parts, instances, strict=True):
        if one.runs is not None and (own or not one.parts) and _holds_more(one):
            whole = _mask_region(one.runs, image_size, matrix) & box(x0, y0, x1, y1)
            one = with_region(one, whole, crop_size)
            one = replace(one, parts=own or one.parts)
        else:
            one = replace(one, parts=own, runs=None)
        if one.parts:
            moved.append(one)
    return moved


def _holds_more(instance: Instance) -> bool:
    """Whether the mask says what the outlines do not: holes, or everything."""
    assert instance.runs is not None
    return bool(instance.runs[1::2].sum() < Ragged.pack(instance.parts).areas().sum() - 0.5) or (
        not instance.parts
    )


def _mask_region(runs: np.ndarray, size: tuple[int, int], matrix: np.ndarray) -> Any:
    """The region of a mask of an image of this size, under a map."""
    return _region(
        [
            (transform_points(outer, matrix), [transform_points(hole, matrix) for hole in holes])
            for outer, holes in mask_to_rings(decode_mask(runs, *size))
        ]
    )


def region_of(instance: Instance, crop_size: tuple[int, int]) -> Any:
    """The shapely region of an object of a crop, holes left out."""
    if instance.runs is not None:
        return _mask_region(instance.runs, crop_size, np.eye(2, 3))
    return _region([(part, []) for part in instance.parts if len(part) >= 3])


def _region(components: Sequence[tuple[np.ndarray, list[np.ndarray]]]) -> Any:
    polygons = [Polygon(outer, holes) for outer, holes in components]
    # Outlines may touch or cross themselves.
    return shapely.union_all([p if p.is_valid else shapely.make_valid(p) for p in polygons])


def with_region(instance: Instance, region: Any, crop_size: tuple[int, int]) -> Instance:
    """The object as it is, of another shape; of no parts where the region is empty."""
    polygons = polygons_of(region)
    parts = [np.array(polygon.exterior.coords[:-1]) for polygon in polygons]
    runs = None
    if any(Polygon(ring).area > _SLIVER for polygon in polygons for ring in polygon.interiors):
        x, y, amount = coverage(region, crop_size)
        runs = encode_window(amount >= 0.5, x, y, *crop_size)
    return replace(instance, parts=parts, runs=runs)


def polygons_of(region: Any) -> list[Polygon]:
    """The polygons of a region that are more than rounding."""
    pieces = shapely.get_parts(region)
    # What remains of a crossing outline may hold collections of polygons and lines.
    pieces = [piece for one in pieces for piece in getattr(one, "geoms", [one])]
    return [one for one in pieces if isinstance(one, Polygon) and one.area > _SLIVER]


def coverage(region: Any, crop_size: tuple[int, int]) -> tuple[int, int, np.ndarray]:
    """How much a region covers of the pixels around it.

    Returns:
        x and y of the first pixel of a window in the crop that has all of the region in it, and the
        window: (h, w) float32 in [0, 1]; of no pixels where the crop shows nothing of it.
    """
    height, width = crop_size
    if region.is_empty:
        return 0, 0, np.zeros((0, 0), np.float32)
    low = np.clip(np.floor(region.bounds[:2]), 0, (width, height)).astype(int)
    high = np.clip(np.ceil(region.bounds[2:]), 0, (width, height)).astype(int)
    across, down = (high - low).tolist()
    if across <= 0 or down <= 0:
        return 0, 0, np.zeros((0, 0), np.float32)
    rings = [
        [(np.array(ring.coords[:-1]) - low) * _FINE for ring in (one.exterior, *one.interiors)]
        for one in polygons_of(region)
    ]
    components = [(outer, holes) for outer, *holes in rings]
    fine = components_to_mask(components, down * _FINE, across * _FINE).astype(np.float32)
    return (*low.tolist(), cv2.resize(fine, (across, down), interpolation=cv2.INTER_AREA))
