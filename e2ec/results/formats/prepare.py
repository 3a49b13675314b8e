"""Contours as `FormatOptions` ask for them, before any format writes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from e2ec.results.formats.item import ImageResult
from e2ec.results.formats.notes import Notes
from e2ec.results.formats.options import FormatOptions
from e2ec.results.instances import Instances
from e2ec.results.postprocess.valid_polygons import Component, mend, polygon_rings
from lib.polygons.geometry import area, simplify_closed


def prepare(item: ImageResult, options: FormatOptions, notes: Notes) -> ImageResult:
    """The contours of an image, changed as the options ask; what was done is added to `notes`.

    Where outlines change, masks become polygons; crowd regions stay as they are. Vertices are left
    out first, then polygons are mended, then parts chosen.
    """
    if not options.changes_outlines:
        return item
    contours = item.contours
    kept: list[int] = []
    shapes: list[list[Component]] = []
    for index in range(len(contours)):
        components = outlines(contours, index)
        if not item.is_crowd(index):
            components = changed_components(components, options, notes)
        if components:
            kept.append(index)
            shapes.append(components)
        else:
            notes.left_out["objects without any area"] += 1
    runs = [contours.runs[index] if item.is_crowd(index) else None for index in kept]
    changed = replace(
        contours[np.array(kept, np.int64)],
        parts=[
            [outer for outer, _ in c] if r is None else []
            for c, r in zip(shapes, runs, strict=True)
        ],
        holes=[
            [list(h) for _, h in c] if r is None else [] for c, r in zip(shapes, runs, strict=True)
        ],
        runs=runs,
    )
    crowd = tuple(item.is_crowd(index) for index in kept) if item.crowd else ()
    return replace(item, contours=changed, crowd=crowd)


def changed_components(
    components: Sequence[Component], options: FormatOptions, notes: Notes
) -> list[Component]:
    """The parts of one object with their holes, as the options ask for them; empty without area.

    Args:
        components: parts (N, 2) with their holes (M, 2), x then y, pixels.
        options: what is asked for.
        notes: what was done is added to it.
    """
    found = [(outer, list(holes) if options.holes else []) for outer, holes in components]
    if options.simplify > 0:
        found = [_simplified(outer, holes, options.simplify) for outer, holes in found]
    if options.valid:
        mended = mend(found, decimals=options.decimals)
        if mended.changed and not mended.geometry.is_empty:
            notes.mended.append(mended.area_change_percent)
        found = polygon_rings(mended.geometry) if mended.changed else found
        if mended.geometry.is_empty:
            return []
        # Parts in what was a hole are united with what is around them.
        while not options.holes and any(holes for _, holes in found):
            found = polygon_rings(mend([(outer, []) for outer, _ in found]).geometry)
    if options.keep == "largest":
        found = [max(found, key=lambda part: area(part[0]) - sum(map(area, part[1])))]
    return [(outer, list(holes)) for outer, holes in found]


def outlines(contours: Instances, index: int) -> list[Component]:
    """The parts of an instance with their holes; those of a mask are traced."""
    return list(zip(contours.parts[index], contours.holes[index], strict=True))


def _simplified(
    outer: np.ndarray, holes: Sequence[np.ndarray], tolerance: float
) -> tuple[np.ndarray, list[np.ndarray]]:
    """A part of fewer vertices; it stays as it is where fewer than three would be left."""
    kept = outer[simplify_closed(outer, tolerance)]
    inner = [hole[simplify_closed(hole, tolerance)] for hole in holes]
    return (
        kept if len(kept) >= 3 and area(kept) > 0 else outer,
        [hole for hole in inner if len(hole) >= 3 and area(hole) > 0],
    )
