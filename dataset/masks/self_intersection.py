"""Whether a contour crosses itself, told from contours that only touch themselves.

Labels made from masks touch themselves where two of their pixels meet at a corner, and labels with
a hole are often cut open along a bridge that is walked there and back. Both enclose every point
either not at all or exactly once, which is all that a label has to do. A contour that crosses
itself encloses some points twice, or some clockwise and others counter-clockwise: around every
crossing the winding number takes three values in a row.
"""

from __future__ import annotations

import numpy as np
import shapely

# Regions smaller than this, in square pixels, come from rounded coordinates.
_NOISE = 0.01
# Contours of more points than this are searched for edges that cross, not for regions: a scribble
# of thousands of points has millions of regions.
_MOST_POINTS = 500
_REGIONS_AT_A_TIME = 256
# Few, as an edge of a scribble crosses thousands of others, and one crossing is enough.
_EDGES_AT_A_TIME = 8


def find_self_intersection(points: np.ndarray) -> tuple[float, float] | None:
    """A place (x, y) where a closed contour encloses points in more than one way, or None.

    A contour that touches itself at points or along edges does not cross itself; loops of less
    than a hundredth of a square pixel do not count. Contours of more than 500 points are checked
    more coarsely: for edges that cross inside both, however small the loop.

    Args:
        points: (n, 2), x then y, pixels, n >= 3.
    """
    closed = np.concatenate([points, points[:1]])
    closed = closed[np.append(True, (np.diff(closed, axis=0) != 0).any(axis=1))]
    if len(closed) < 4:
        return None
    return _crossing_edges(closed) if len(closed) > _MOST_POINTS else _wrong_region(closed)


def _wrong_region(closed: np.ndarray) -> tuple[float, float] | None:
    """A point in a region whose winding number does not fit those of the others."""
    pieces = shapely.get_parts(shapely.node(shapely.linestrings(closed)))
    regions = shapely.get_parts(shapely.polygonize(pieces))
    regions = regions[shapely.area(regions) > _NOISE]
    # The largest first: they tell what is meant.
    regions = regions[np.argsort(-shapely.area(regions), kind="stable")]
    inside = shapely.get_coordinates(shapely.point_on_surface(regions))
    low = high = 0
    for start in range(0, len(inside), _REGIONS_AT_A_TIME):
        places = inside[start : start + _REGIONS_AT_A_TIME]
        for place, winding in zip(places, winding_numbers(places, closed).tolist(), strict=True):
            low, high = min(low, winding), max(high, winding)
            if high - low > 1:
                return float(place[0]), float(place[1])
    return None


def winding_numbers(places: np.ndarray, closed: np.ndarray) -> np.ndarray:
    """How many times a closed line goes around places that do not lie on it, (m,) int64.

    Args:
        places: (m, 2), x then y.
        closed: (n + 1, 2), the last point equal to the first.
    """
    x, y = places[:, :1], places[:, 1:]
    (x0, y0), (x1, y1) = closed[:-1].T, closed[1:].T
    side = (x1 - x0) * (y - y0) - (x - x0) * (y1 - y0)
    upward = (y0 <= y) & (y1 > y) & (side > 0)
    downward = (y0 > y) & (y1 <= y) & (side < 0)
    return upward.sum(axis=1) - downward.sum(axis=1)


def _crossing_edges(closed: np.ndarray) -> tuple[float, float] | None:
    """Where two edges cross inside of both."""
    edges = shapely.linestrings(np.stack([closed[:-1], closed[1:]], axis=1))
    tree = shapely.STRtree(edges)
    for start in range(0, len(edges), _EDGES_AT_A_TIME):
        block = edges[start : start + _EDGES_AT_A_TIME]
        first, second = tree.query(block, predicate="crosses")
        if len(first):
            place = shapely.intersection(block[first[0]], edges[second[0]])
            x, y = shapely.get_coordinates(place)[0].tolist()
            return x, y
    return None
