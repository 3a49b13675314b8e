"""Finding labels with a bad shape: without area, crossing themselves, out of the image, doubled.

Readers report what they cannot read. The problems here need geometry. The order of the points,
points given twice, and contours that touch themselves are no problems.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import shapely
import torch
from tqdm import tqdm

from dataset.checks.problems import Action, Problem, Report
from dataset.index.label_index import LabelIndex
from dataset.masks.self_intersection import find_self_intersection
from lib.ops import rasterize_polygons
from lib.polygons.geometry import clip_far
from lib.polygons.ragged import Ragged, gather

# A contour of this area or less, in square pixels, is a line with rounded coordinates.
_NO_AREA = 1e-3
# Coordinates may miss the border of the image by rounding, in pixels.
_BORDER_TOLERANCE = 0.01
# Two labels that cover the same of a window larger than this are compared point by point.
_LARGEST_WINDOW = 50_000_000
_IMAGES_AT_A_TIME = 2000


@dataclass(frozen=True)
class _Contours:
    """The A annotations and P contours of some images, crowd regions left out.

    Attributes:
        numbers: (A,) int64, positions in the columns.
        positions: (A,) int64, the position of each annotation's image in the index.
        owners: (P,) int64, the annotation of each contour: a position in `numbers`.
        parts: (P,) int64, number of the contour in its annotation, counted from 1.
        polygons: (P,) shapely polygons.
        bounds: (P, 4) float64, x0, y0, x1, y1.
        points: the P contours.
    """

    numbers: np.ndarray
    positions: np.ndarray
    owners: np.ndarray
    parts: np.ndarray
    polygons: np.ndarray
    bounds: np.ndarray
    points: Ragged


def check_contours(index: LabelIndex, report: Report, *, progress: bool = False) -> None:
    """Report contours without area, self-crossing or out of the image, and doubled annotations.

    Args:
        index: the labels.
        report: called with every problem, image after image, kind after kind.
        progress: show a bar.
    """
    starts = range(0, len(index), _IMAGES_AT_A_TIME)
    with tqdm(total=len(index), desc="labels", unit=" images", disable=not progress) as bar:
        for start in starts:
            stop = min(start + _IMAGES_AT_A_TIME, len(index))
            contours = _gather(index, start, stop)
            if len(contours.points):
                for problems in (_shapes, _positions, _duplicates):
                    for problem in problems(index, contours):
                        report(problem)
            bar.update(stop - start)


def _gather(index: LabelIndex, start: int, stop: int) -> _Contours:
    c = index.columns
    numbers, positions = replace(index, rows=index.rows[start:stop]).objects()
    part_offsets, parts = gather(c.part_offsets, numbers)
    owners = np.repeat(np.arange(len(numbers)), np.diff(part_offsets))
    points = c.polygons.take(parts)
    rings = np.repeat(np.arange(len(parts)), points.lengths)
    polygons = shapely.polygons(shapely.linearrings(points.points, indices=rings))
    return _Contours(
        numbers=numbers,
        positions=positions + start,
        owners=owners,
        parts=np.arange(len(parts)) - part_offsets[owners] + 1,
        polygons=polygons,
        bounds=shapely.bounds(polygons).reshape(-1, 4),
        points=points,
    )


def _place(index: LabelIndex, contours: _Contours, owner: int) -> tuple[str, str]:
    """File and item of an annotation, for messages."""
    file, item = index.place(int(contours.numbers[owner]))
    return file, f"{item} ({index.image(int(contours.positions[owner])).name})"


def _part(index: LabelIndex, contours: _Contours, contour: int) -> str:
    """What to call a contour: which of several, if there are several."""
    number = contours.numbers[contours.owners[contour]]
    offsets = index.columns.part_offsets
    several = offsets[number + 1] - offsets[number] > 1
    return f"contour {contours.parts[contour]}" if several else "the contour"


def _shapes(index: LabelIndex, contours: _Contours) -> Iterator[Problem]:
    flat = shapely.area(contours.polygons) <= _NO_AREA
    for k in np.flatnonzero(flat | ~shapely.is_valid(contours.polygons)).tolist():
        file, item = _place(index, contours, int(contours.owners[k]))
        part = _part(index, contours, k)
        place = find_self_intersection(contours.points[k])
        if place is not None:
            what = f"{part} crosses itself near ({place[0]:.1f}, {place[1]:.1f})"
            what += ", and its loops cancel out: no area is left" if flat[k] else ""
            action: Action = "left out" if flat[k] else "kept"
            remedy = "draw its outline without crossings"
            yield Problem(file, item, "self-crossing", what, action, remedy)
        elif flat[k]:
            what = f"{part} has no area"
            yield Problem(file, item, "zero area", what, "left out", "draw it again or remove it")


def _positions(index: LabelIndex, contours: _Contours) -> Iterator[Problem]:
    rows = index.rows[contours.positions[contours.owners]]
    height, width = index.columns.image_sizes[rows].T
    x0, y0, x1, y1 = contours.bounds.T
    outside = (x1 <= 0) | (y1 <= 0) | (x0 >= width) | (y0 >= height)
    beyond = np.max([-x0, -y0, x1 - width, y1 - height], axis=0)
    for k in np.flatnonzero(outside | (beyond > _BORDER_TOLERANCE)).tolist():
        file, item = _place(index, contours, int(contours.owners[k]))
        part, size = _part(index, contours, k), f"{width[k]} x {height[k]}"
        if outside[k]:
            what = f"{part} lies outside of the image of {size} pixels"
            remedy = "correct its coordinates or remove it"
            yield Problem(file, item, "out of the image", what, "left out", remedy)
        else:
            what = f"{part} reaches {beyond[k]:.2f} pixels beyond the image of {size} pixels"
            yield Problem(file, item, "partly out of the image", what, "clipped")


def _duplicates(index: LabelIndex, contours: _Contours) -> Iterator[Problem]:
    """Annotations of one image and category that cover the same pixels."""
    c = index.columns
    # Only annotations with nearly the same bounds are looked at closely.
    owners, first = np.unique(contours.owners, return_index=True)
    low = np.minimum.reduceat(contours.bounds[:, :2], first)
    high = np.maximum.reduceat(contours.bounds[:, 2:], first)
    _, category = np.unique(c.category_ids[contours.numbers[owners]], return_inverse=True)
    keys = np.column_stack([contours.positions[owners], category, np.rint(low), np.rint(high)])
    order = np.lexsort(keys.T)
    same = (keys[order[1:]] == keys[order[:-1]]).all(axis=1)
    groups = np.split(order, np.flatnonzero(~same) + 1) if same.any() else []
    for group in groups:
        originals: list[int] = []
        for owner in sorted(owners[group].tolist()) if len(group) > 1 else []:
            twin = next((o for o in originals if _same_mask(index, contours, o, owner)), None)
            if twin is None:
                originals.append(owner)
                continue
            file, item = _place(index, contours, owner)
            other_file, other = index.place(int(contours.numbers[twin]))
            other += "" if other_file == file else f" of {other_file}"
            what = f"covers the same as {other}, of the same category"
            yield Problem(file, item, "duplicate annotation", what, "kept", "remove one of the two")


def _same_mask(index: LabelIndex, contours: _Contours, one: int, other: int) -> bool:
    """Whether two annotations of an image cover the same pixels of it, and at least one."""
    spans = [np.searchsorted(contours.owners, [o, o + 1]).tolist() for o in (one, other)]
    parts = [contours.points.slice(first, last) for first, last in spans]
    if len(parts[0]) == len(parts[1]) and all(map(np.array_equal, *parts)):
        return True
    record = index.image(int(contours.positions[one]))
    bounds = np.concatenate([contours.bounds[first:last] for first, last in spans])
    low = np.floor(np.maximum(bounds[:, :2].min(axis=0), 0))
    high = np.ceil(np.minimum(bounds[:, 2:].max(axis=0), [record.width, record.height]))
    columns, rows = (high - low).astype(int).tolist()
    count = len(parts[0]) + len(parts[1])
    if columns < 1 or rows < 1 or columns * rows * count > _LARGEST_WINDOW:
        return False
    first_mask, second_mask = (
        rasterize_polygons(
            [clip_far(p - low, columns, rows) for p in polygons], rows, columns
        ).amax(dim=0)
        for polygons in parts
    )
    return bool(first_mask.any()) and torch.equal(first_mask, second_mask)
