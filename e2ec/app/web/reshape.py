"""Several contours as one, and one cut into several: what an editor asks of shapely."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import shapely
from shapely.ops import split

from e2ec.app.web.refusal import Refusal
from e2ec.app.web.tangles import check_tangles
from e2ec.results.contours import Contours
from e2ec.results.postprocess.valid_polygons import mend

_DECIMALS = 2  # those of the native format


def merged(contours: Contours) -> Contours:
    """All instances as one, with the class and score of the first.

    Parts that overlap or share an edge are united, others stay as they are; holes stay where
    nothing fills them.

    Raises:
        Refusal: there is no instance, or none has an area (422); they cross too often (413).
    """
    if not len(contours):
        raise Refusal(422, "there is nothing to merge")
    return _instances(contours, [_polygons(contours)])


def cut(contours: Contours, start: Sequence[float], end: Sequence[float]) -> Contours:
    """One instance cut along the line from `start` to `end` (x, y), pixels; the largest first.

    Every piece of a part that the line crosses from edge to edge becomes an instance. Parts that it
    does not cross stay with the largest piece.

    Raises:
        Refusal: not exactly one instance, or the line does not cut it (422); it crosses itself too
            often (413).
    """
    if len(contours) != 1:
        raise Refusal(422, "exactly one object can be split")
    line = shapely.LineString([start, end])
    whole: list[shapely.Polygon] = []
    pieces: list[shapely.Polygon] = []
    for polygon in _polygons(contours):
        found = _polygonal(split(polygon, line).geoms) if line.length else [polygon]
        (pieces if len(found) > 1 else whole).extend(found)
    if not pieces:
        raise Refusal(422, "the line does not cross the object from edge to edge")
    pieces.sort(key=lambda piece: -piece.area)
    return _instances(contours, [[pieces[0], *whole], *([piece] for piece in pieces[1:])])


def _polygons(contours: Contours) -> list[shapely.Polygon]:
    """The valid polygons of all parts of all instances, those of masks too."""
    parts = [part for some in contours.parts for part in some]
    holes = [inner for some in contours.holes for inner in some]
    one = replace(contours[:1], parts=[parts], holes=[holes], runs=())
    check_tangles(one)
    components = list(zip(parts, holes, strict=True))
    found = _polygonal([mend(components, decimals=_DECIMALS).geometry])
    if not found:
        raise Refusal(422, "the object has no area")
    return found


def _polygonal(geometries: Any) -> list[shapely.Polygon]:
    parts = shapely.get_parts(list(geometries))
    return [part for part in parts if isinstance(part, shapely.Polygon) and part.area > 0]


def _instances(like: Contours, shapes: list[list[shapely.Polygon]]) -> Contours:
    """One instance a list of polygons, with the class and score of the first of `like`."""

    def ring(line: Any) -> np.ndarray:
        return shapely.get_coordinates(line)[:-1]

    return replace(
        like[np.zeros(len(shapes), np.int64)],
        parts=[[ring(part.exterior) for part in some] for some in shapes],
        holes=[[[ring(hole) for hole in part.interiors] for part in some] for some in shapes],
        runs=(),
    )
