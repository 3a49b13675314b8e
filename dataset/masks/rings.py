"""Several rings of one object as a single closed polygon, and back.

Formats that hold one polygon an object, such as YOLO's, get parts and holes joined by bridges: an
edge that is walked there and, later, back, and so encloses nothing. Cutting the polygon at every
edge that is walked both ways gives the rings again.

A component is an outer ring with its holes, as `dataset.masks.tracing.mask_to_rings` gives it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from lib.polygons.geometry import remove_repeated_points, signed_area

Component = tuple[np.ndarray, list[np.ndarray]]
_Point = tuple[float, float]
_Edge = tuple[_Point, _Point]


def join_rings(components: Sequence[Component]) -> np.ndarray:
    """All rings of an object as one closed polygon.

    Outer rings run clockwise on the screen and holes anticlockwise, which is how `split_rings`
    tells a hole from a part inside of another. Where two rings have an edge in common, one of them
    gets a vertex in its middle: the edge would pass for a bridge.

    Args:
        components: at least one; rings (n, 2), n >= 3, x then y.

    Returns:
        (m, 2) float64.
    """
    edges: set[_Edge] = set()
    way_in: list[_Point] = []
    ways_back: list[list[_Point]] = []
    previous: list[_Point] = []
    for ring in _turned_rings(components):
        points = _without_common_edges([(float(x), float(y)) for x, y in ring], edges)
        edges.update(_edges(points))
        if previous:
            at, start = _bridge(previous, points, edges)
            edges.add((previous[at], points[start]))
            # The previous ring is walked to the bridge, and the rest of it after the way back.
            way_in += previous[: at + 1]
            ways_back.append(previous[at:])
            # Later rings are closed where they were entered.
            points = [*points[start:], *points[:start], points[start]]
        previous = points
    back = [point for way in reversed(ways_back) for point in way]
    return np.array(way_in + previous + back, np.float64)


def split_rings(polygon: np.ndarray) -> list[Component]:
    """The components of a polygon (n, 2) that bridges may hold together.

    A ring is a hole where the smallest ring around it is an outer one of the other direction.
    """
    points = remove_repeated_points(polygon)
    if len(np.unique(points[:, 0] + 1j * points[:, 1])) == len(points):
        return [(points, [])]  # nothing is passed twice, so there is no bridge
    rings = _cut([(float(x), float(y)) for x, y in points])
    return _grouped(rings) if rings else [(points, [])]


def _turned_rings(components: Sequence[Component]) -> Iterator[np.ndarray]:
    """Outer rings clockwise on the screen, each before its holes, which run anticlockwise."""
    for outer, holes in components:
        for ring, sign in ((outer, 1.0), *((hole, -1.0) for hole in holes)):
            points = remove_repeated_points(ring)
            if signed_area(points) * sign < 0:
                points = np.concatenate([points[:1], points[:0:-1]])
            yield points


def _edges(points: list[_Point]) -> Iterable[_Edge]:
    return zip(points, points[1:] + points[:1], strict=True)


def _without_common_edges(points: list[_Point], edges: set[_Edge]) -> list[_Point]:
    """The ring with a vertex more on every edge that is in `edges`, in either direction."""
    result = []
    for start, stop in _edges(points):
        result.append(start)
        while (start, stop) in edges or (stop, start) in edges:
            middle = ((start[0] + stop[0]) / 2, (start[1] + stop[1]) / 2)
            if middle in (start, stop):
                break  # as short as an edge can be
            result.append(middle)
            start = middle
    return result


def _bridge(previous: list[_Point], ring: list[_Point], edges: set[_Edge]) -> tuple[int, int]:
    """Positions, in the previous ring and in this one, of two vertices close to each other.

    Close, not closest: all pairs would be too many. Vertices in one place and those that an edge
    joins already make no bridge.
    """
    before, points = np.array(previous), np.array(ring)
    nearest = before[((before - points[0]) ** 2).sum(axis=1).argmin()]
    order = ((points - nearest) ** 2).sum(axis=1).argsort(kind="stable")
    for start in order.tolist():
        away = ((before - points[start]) ** 2).sum(axis=1)
        for at in away.argsort(kind="stable").tolist():
            edge = (previous[at], ring[start])
            if away[at] > 0 and edge not in edges and edge[::-1] not in edges:
                return at, start
    raise ValueError("rings without any vertices of their own cannot be joined")


def _cut(points: list[_Point]) -> list[np.ndarray]:
    """The rings that are left when edges walked both ways are taken out.

    Bridges lie inside one another like brackets, so one pass with a stack finds them all. Rings
    come in the order in which the bridges to them are walked.
    """
    stack: list[tuple[int, _Edge]] = []
    open_at: dict[_Edge, list[int]] = {}
    rings: list[tuple[int, list[_Edge]]] = []
    for number, edge in enumerate(_edges(points)):
        back = open_at.get(edge[::-1])
        if not back:
            open_at.setdefault(edge, []).append(len(stack))
            stack.append((number, edge))
            continue
        bridge = back[-1]
        for _, passed in stack[bridge:]:
            open_at[passed].pop()
        rings.append((stack[bridge][0], [passed for _, passed in stack[bridge + 1 :]]))
        del stack[bridge:]
    rings.append((-1, [edge for _, edge in stack]))
    rings.sort(key=lambda ring: ring[0])
    return [np.array([start for start, _ in ring]) for _, ring in rings if len(ring) >= 3]


def _grouped(rings: list[np.ndarray]) -> list[Component]:
    """Holes beside the ring they are a hole of; rings keep their order."""
    areas = np.array([signed_area(ring) for ring in rings])
    low = np.array([ring.min(axis=0) for ring in rings])
    high = np.array([ring.max(axis=0) for ring in rings])
    holes: dict[int, list[np.ndarray]] = {}
    is_hole = np.zeros(len(rings), bool)
    by_size = np.argsort(-np.abs(areas), kind="stable")
    for place, number in enumerate(by_size.tolist()):
        larger = by_size[:place]
        around = (low[larger] <= low[number]) & (high[larger] >= high[number])
        # From the smallest on: the first that holds this ring is the nearest around it.
        nearest = next(
            (n for n in larger[around.all(axis=1)][::-1] if _lies_in(rings[number], rings[n])), None
        )
        if nearest is not None and not is_hole[nearest] and areas[nearest] * areas[number] < 0:
            is_hole[number] = True
            holes.setdefault(int(nearest), []).append(rings[number])
    return [
        (ring, holes.get(number, [])) for number, ring in enumerate(rings) if not is_hole[number]
    ]


def _lies_in(points: np.ndarray, ring: np.ndarray) -> bool:
    """Whether most of some of the points are inside of a ring; a few may lie on it."""
    points = points[:: 1 + len(points) // 64]
    (x0, y0), (x1, y1) = ring.T, np.roll(ring, -1, axis=0).T
    x, y = points[:, :1], points[:, 1:]
    spans = (y0 > y) != (y1 > y)
    crossing = x0 + (y - y0) * (x1 - x0) / np.where(y1 == y0, 1.0, y1 - y0)
    inside = (spans & (x < crossing)).sum(axis=1) % 2 == 1
    return bool(2 * inside.sum() > len(points))
