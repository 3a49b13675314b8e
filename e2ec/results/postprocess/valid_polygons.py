"""Polygons that other programs accept: contours that cross themselves, mended (simple features).

A contour that crosses itself covers what the masks show: a point belongs to it if a ray from there
crosses the contour an odd number of times. Parts of one object that overlap are united.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry import MultiPolygon, Polygon

from e2ec.results.formats.rounding import rounded
from e2ec.results.postprocess.even_odd import even_odd
from lib.polygons.geometry import area

Component = tuple[np.ndarray, Sequence[np.ndarray]]
# In square pixels: pieces up to this size are what rounding leaves at a crossing.
_SLIVER = 1e-3
_ROUNDS = 4


@dataclass(frozen=True)
class Mended:
    """A valid geometry, and what was done for it.

    Attributes:
        geometry: shapely Polygon or MultiPolygon, x then y, pixels; without any area an empty
            Polygon.
        changed: whether the contour was invalid as given.
        area_before: of the contour as given, by the shoelace formula: the sum over the parts, less
            their holes, in square pixels.
    """

    geometry: Polygon | MultiPolygon
    changed: bool
    area_before: float

    @property
    def area_change(self) -> float:
        """By how much the area is larger than before, in square pixels."""
        return self.geometry.area - self.area_before

    @property
    def area_change_percent(self) -> float:
        """`area_change` in percent of the area that there is now; 0 where there is none."""
        return 100 * self.area_change / self.geometry.area if self.geometry.area else 0.0


def mend(components: Sequence[Component], *, decimals: int | None = None) -> Mended:
    """The parts of one object as a valid Polygon or MultiPolygon.

    A valid object stays as it is, vertex by vertex, holes included. In a mended one, exterior rings
    run counter-clockwise where y is drawn upwards, holes that are left run clockwise, and lines and
    specks of at most a thousandth of a square pixel are dropped.

    Args:
        components: parts (N, 2) with their holes (M, 2), N, M >= 3, x then y, pixels.
        decimals: round coordinates to this many digits after the point and stay valid; None keeps
            all digits.
    """
    written = [
        (rounded(outer, decimals), [rounded(hole, decimals) for hole in holes])
        for outer, holes in components
    ]
    polygons = [Polygon(outer, holes) for outer, holes in written]
    geometry = polygons[0] if len(polygons) == 1 else MultiPolygon(polygons)
    before = sum(area(outer) - sum(area(hole) for hole in holes) for outer, holes in components)
    if geometry.is_valid and geometry.area > 0:
        return Mended(geometry, False, before)
    mended = _pieces(_united(written))
    for _ in range(_ROUNDS):
        if decimals is None or mended.is_empty:
            break
        # New vertices stand at crossings; on the grid of the decimals they may cross others again.
        snapped = shapely.set_precision(mended, 10.0**-decimals)
        mended = _pieces(shapely.transform(snapped, lambda points: np.round(points, decimals)))
        if mended.is_valid:
            break
        mended = _pieces(shapely.make_valid(mended))
    return Mended(mended, True, before)


def polygon_rings(geometry: Polygon | MultiPolygon) -> list[tuple[np.ndarray, list[np.ndarray]]]:
    """Every part of a geometry with its holes, (N, 2), the first point not repeated."""
    return [
        (
            np.array(polygon.exterior.coords)[:-1, :2],
            [np.array(ring.coords)[:-1, :2] for ring in polygon.interiors],
        )
        for polygon in getattr(geometry, "geoms", [geometry])
        if not polygon.is_empty
    ]


def _united(components: Iterable[Component]) -> shapely.Geometry:
    """Every ring made valid by itself, holes taken out, parts united."""
    parts = []
    for outer, holes in components:
        shape = even_odd(outer)
        for hole in holes:
            shape = shapely.difference(shape, even_odd(hole))
        parts.append(shape)
    return shapely.union_all(parts)


def _pieces(geometry: shapely.Geometry) -> Polygon | MultiPolygon:
    """The polygons in a geometry, rings in order; an empty Polygon where there are none."""
    parts = shapely.get_parts(shapely.get_parts(geometry))  # of a collection: multipolygons
    kept = [
        shapely.geometry.polygon.orient(part)
        for part in parts
        if isinstance(part, Polygon) and part.area > _SLIVER
    ]
    if len(kept) > 1:
        return MultiPolygon(kept)
    return kept[0] if kept else Polygon()
