"""One entry of COCO results: its outline read, checked, and written back in the form it had."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from dataset.index.inputs import MAX_COORDINATE, MAX_PIXELS, MAX_SIDE
from dataset.masks.rings import Component, split_rings
from dataset.masks.run_lengths import run_lengths
from e2ec.results.contours import Contours
from lib.errors import InputError

MOST_POINTS = 100_000
"""Of a polygon."""
_NEAR = 0.0101
"""Boxes and areas are written with two decimals."""


@dataclass(frozen=True, eq=False)
class Shape:
    """The outline of an entry.

    Attributes:
        parts: of polygons, each with the holes that bridges join to it; without those of less than
            three different points.
        runs: run lengths of a mask.
        as_text: whether these are compressed.
        size: (height, width) of a mask in pixels.
    """

    parts: list[Component] = field(default_factory=list)
    runs: np.ndarray | None = None
    as_text: bool = False
    size: tuple[int, int] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it shows nothing."""
        return not (self.parts if self.runs is None else self.runs[1::2].any())


def read_shape(entry: Mapping[str, Any], size: tuple[int, int] | None, where: str) -> Shape:
    """The outline of an entry.

    Args:
        entry: of results.
        size: (height, width) of its image in pixels, if known.
        where: the file and the entry, for messages.

    Raises:
        InputError: there is none, or it cannot be used.
    """
    given = entry.get("segmentation")
    if not given:
        raise InputError(
            f'{where}: has no "segmentation" to refine; give results with masks, or take the entry '
            "out"
        )
    if isinstance(given, dict):
        return _mask(given, size, where)
    if not isinstance(given, list):
        raise InputError(
            f'{where}: "segmentation" must be polygons or run lengths, not {given!r:.40}; write '
            '[[x0, y0, x1, y1, ...], ...], or an object with "size" and "counts"'
        )
    parts: list[Component] = []
    for polygon in given:
        points = _points(polygon, where)
        if len(np.unique(points, axis=0)) >= 3:
            parts += split_rings(points)
    return Shape(parts)


def _mask(given: dict[str, Any], size: tuple[int, int] | None, where: str) -> Shape:
    sides: Any = given.get("size")
    usable = isinstance(sides, list) and len(sides) == 2 and {*map(type, sides)} == {int}
    if not usable or min(sides) < 1 or max(sides) > MAX_SIDE or math.prod(sides) > MAX_PIXELS:
        raise InputError(f'{where}: the mask\'s "size" must be [height, width], not {sides!r:.40}')
    height, width = sides
    if size is not None and (height, width) != size:
        raise InputError(
            f"{where}: a mask of {width} x {height} pixels, its image has {size[1]} x {size[0]}; "
            "give the images that the results are of"
        )
    counts = given.get("counts")
    try:
        runs = run_lengths(counts, height, width)  # type: ignore[arg-type]
    except ValueError as error:
        raise InputError(
            f"{where}: the mask's run lengths are malformed ({error}); export it again"
        ) from error
    return Shape(runs=runs, as_text=isinstance(counts, str), size=(height, width))


def _points(polygon: Any, where: str) -> np.ndarray:
    """(n, 2) float64, x then y."""
    if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
        raise InputError(
            f"{where}: a polygon must be a list of at least three x, y pairs; "
            "write [[x0, y0, x1, y1, x2, y2, ...], ...]"
        )
    if len(polygon) > 2 * MOST_POINTS:
        raise InputError(
            f"{where}: a polygon of {len(polygon) // 2} points, {MOST_POINTS} are the limit; write "
            "the mask as run lengths"
        )
    if not set(map(type, polygon)) <= {int, float}:
        raise InputError(f"{where}: a polygon holds something else than numbers; correct it")
    # Whole numbers may be too large for a float.
    if not all(abs(value) <= MAX_COORDINATE for value in polygon):
        raise InputError(
            f"{where}: a polygon holds a number that is not finite, or beyond "
            f"{MAX_COORDINATE:.0f} pixels; correct it"
        )
    return np.array(polygon, np.float64).reshape(-1, 2)


def to_contours(shapes: Sequence[Shape], size: tuple[int, int]) -> Contours:
    """The outlines of the entries of one image of (height, width) pixels; none may be empty."""
    return Contours(
        height=size[0],
        width=size[1],
        class_names=("",),
        labels=np.zeros(len(shapes), np.int64),
        scores=np.ones(len(shapes)),
        parts=[[outer for outer, _ in shape.parts] for shape in shapes],
        holes=[[holes for _, holes in shape.parts] for shape in shapes],
        runs=[shape.runs for shape in shapes],
    )


def is_same(given: Contours, refined: Contours, index: int) -> bool:
    """Whether an instance has kept its outline."""
    before, after = given.runs[index], refined.runs[index]
    if before is not None and after is not None:
        return np.array_equal(before, after)
    return all(
        np.array_equal(a, b)
        for one, other in ((given.parts, refined.parts), (given.holes, refined.holes))
        for a, b in zip(_flat(one[index]), _flat(other[index]), strict=True)
    )


def with_shape(
    entry: Mapping[str, Any], shape: Shape, given: Contours, refined: Contours
) -> dict[str, Any]:
    """The entry with another outline, in the form that it had; all else, and the order, stay.

    A `bbox` that was the box of the outline, and an `area` that was its area, go with it; a box of
    another origin, as a detector's, stays.

    Args:
        shape: of the entry.
        given, refined: the one instance, before and after.
    """
    form: Literal["polygon", "rle"] = "polygon" if shape.runs is None else "rle"
    before, after = (one.to_coco(0, segmentation=form)[0] for one in (given, refined))
    result = dict(entry)
    result["segmentation"] = after["segmentation"]
    if shape.runs is not None and not shape.as_text:
        runs = refined.runs[0]
        assert runs is not None
        result["segmentation"]["counts"] = runs.tolist()
    for name in ("bbox", "area"):
        if name in entry and _is_near(entry[name], before[name]):
            result[name] = _like(entry[name], after[name])
    return result


def _flat(rings: Sequence[Any]) -> list[np.ndarray]:
    return [ring for inner in rings for ring in (inner if isinstance(inner, list) else [inner])]


def _is_near(value: Any, expected: Any) -> bool:
    if isinstance(expected, list):
        same = isinstance(value, list) and len(value) == len(expected)
        return same and all(map(_is_near, value, expected))
    return type(value) in (int, float) and abs(value - expected) <= _NEAR


def _like(value: Any, new: Any) -> Any:
    """Whole numbers where there were whole numbers."""
    if isinstance(value, list):
        return [_like(one, other) for one, other in zip(value, new, strict=True)]
    return int(new) if type(value) is int and new == int(new) else new
