"""What a ring that crosses itself covers, in a time that many crossings do not drag out.

`shapely.make_valid` takes minutes from some thousand crossings on. Here the ring is cut at all of
them at once, and every face between the pieces is looked at by itself.
"""

from __future__ import annotations

import numpy as np
import shapely

# Pieces between crossings; rings with fewer are mended by shapely, vertex by vertex as ever.
_TANGLED = 500


def even_odd(ring: np.ndarray) -> shapely.Geometry:
    """The area of a ring (N, 2) by the even-odd rule: N >= 3, x then y, pixels.

    A point is covered if a ray from there crosses the ring an odd number of times.
    """
    whole = shapely.Polygon(ring)
    if whole.is_valid:
        return whole
    pieces = shapely.get_parts(shapely.node(whole.exterior))
    if len(pieces) < _TANGLED:
        return shapely.make_valid(whole)
    faces = shapely.get_parts(shapely.polygonize(pieces))
    points = shapely.get_coordinates(shapely.point_on_surface(faces))
    return shapely.coverage_union_all(faces[_odd(ring, points)])


def _odd(ring: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(P,) bool: whether a ray to the right of each point (P, 2) crosses the ring an odd number of
    times."""
    x, y = points.T
    odd = np.zeros(len(points), bool)
    for (x0, y0), (x1, y1) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        if y0 != y1:
            odd ^= ((y0 > y) != (y1 > y)) & (x < x0 + (y - y0) * ((x1 - x0) / (y1 - y0)))
    return odd
