"""Contours with even vertices, and contours without small ripples; both keep the area.

Where smoothing or cutting corners has taken area away, vertices move along their normals, all by
the same distance, until the contour encloses what it did.

Inside, many contours are worked on at once as planes, (2, n, N): all x, then all y.
"""

from __future__ import annotations

import numpy as np

from lib.polygons.turning import check_contours

# Corners are looked for between points this many vertices away on either side.
_REACH = 3
# With fewer vertices every one of them matters.
_FEWEST = 2 * _REACH + 2
# Of the mean edge: vertices move no further to keep the area.
_FARTHEST = 0.5


def resample(contours: np.ndarray) -> np.ndarray:
    """Contours with as many vertices at equal distances along them; the first begins them.

    What cutting corners takes away in area is given back (`keep_area`).

    Args:
        contours: (n, N, 2) float, x then y, pixels.

    Returns:
        (n, N, 2) float64.

    Raises:
        ValueError: an array of another shape.
    """
    planes = _planes(contours)
    count = planes.shape[2]
    moves = np.roll(planes, -1, axis=2) - planes
    reached = np.cumsum(_sizes(moves), axis=1)
    around = reached[:, -1:]
    # Vertex i lies at starts[i] of the way, where the whole is N.
    scale = np.divide(count, around, out=np.zeros_like(around), where=around > 0)
    starts = np.concatenate([np.zeros_like(around), reached * scale], axis=1)
    edges = _last_before(starts[:, :-1])
    first = np.take_along_axis(starts, edges, axis=1)
    length = np.take_along_axis(starts, edges + 1, axis=1) - first
    passed = _ratio(np.arange(count) - first, length)
    even = np.take_along_axis(planes, edges[None], axis=2)
    even += np.clip(passed, 0, 1) * np.take_along_axis(moves, edges[None], axis=2)
    return _points(_with_area(even, planes))


def smooth(contours: np.ndarray, *, steps: int = 3, corner_angle: float = 45.0) -> np.ndarray:
    """Contours without ripples of a few vertices; corners stay where they are.

    Each step moves every vertex halfway to the point that divides the chord between its neighbours
    as the vertex divides the way between them: at even spacing about a Gaussian of standard
    deviation sqrt(steps / 2) edges, all steps together. Corners are held, so that nothing is
    smoothed across them. What is lost in area is given back (`keep_area`). Contours of fewer than
    8 vertices stay as they are.

    Args:
        contours: (n, N, 2) float, x then y, pixels.
        steps: 1 or more.
        corner_angle: as of `corners`.

    Returns:
        (n, N, 2) float64.

    Raises:
        ValueError: an array of another shape.
    """
    planes = _planes(contours)
    if planes.shape[2] < _FEWEST:
        return _points(planes)
    free = ~_corners(planes, corner_angle)
    after = _sizes(np.roll(planes, -1, axis=2) - planes)
    before = np.roll(after, 1, axis=1)
    share = _ratio(0.5 * free, before + after)
    to_previous, to_next = share * after, share * before
    own = 1 - to_previous - to_next
    moved = planes
    for _ in range(steps):
        around = to_previous * np.roll(moved, 1, axis=2) + to_next * np.roll(moved, -1, axis=2)
        moved = own * moved + around
    return _points(_with_area(moved, planes, free))


def corners(contours: np.ndarray, angle: float) -> np.ndarray:
    """The vertices that are corners of their contours, (n, N) bool.

    How a contour turns is told from the points three vertices before and behind, after ripples are
    taken out. Of neighbours the sharpest is the corner; where several are as sharp, all are.

    Args:
        contours: (n, N, 2) float, x then y, pixels, N >= 8.
        angle: degrees that a corner turns by beyond what a circle of N vertices does there.

    Raises:
        ValueError: an array of another shape.
    """
    return _corners(_planes(contours), angle)


def keep_area(contours: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Contours that enclose as much as others do: all vertices move along their normals by one
    distance, at most half a mean edge.

    Args:
        contours: (n, N, 2) float, x then y, pixels.
        like: (n, M, 2), the contours with the wanted areas, in the same direction.

    Returns:
        (n, N, 2) float64.

    Raises:
        ValueError: an array of another shape.
    """
    return _points(_with_area(_planes(contours), _planes(like)))


def _corners(planes: np.ndarray, angle: float) -> np.ndarray:
    calm = planes
    for _ in range(2):
        calm = 0.25 * (np.roll(calm, 1, axis=2) + np.roll(calm, -1, axis=2)) + 0.5 * calm
    ahead = np.roll(calm, -_REACH, axis=2) - calm
    back = np.roll(ahead, _REACH, axis=2)
    size = _sizes(ahead) * _sizes(back)
    # The cosine falls as the angle grows, and is cheaper. What does not move turns nowhere.
    cosine = _ratio(ahead[0] * back[0] + ahead[1] * back[1], size)
    cosine[size == 0] = 1
    limit = min(np.radians(angle) + 2 * np.pi * _REACH / planes.shape[2], np.pi)
    found: np.ndarray = cosine < np.cos(limit)
    for shift in (-2, -1, 1, 2):
        found &= cosine <= np.roll(cosine, shift, axis=1)
    return found


def _with_area(planes: np.ndarray, like: np.ndarray, free: np.ndarray | None = None) -> np.ndarray:
    """`keep_area` of planes; of vertices that are not `free`, (n, N) bool, none moves."""
    tangents = _tangents(planes)
    size = _sizes(tangents)
    inverse = _ratio(np.ones_like(size) if free is None else free, size)
    normals = np.stack([tangents[1] * inverse, -tangents[0] * inverse])
    # A pixel along the normals adds half of the tangents of those that move, to first order ...
    growth = 0.5 * (size * (inverse > 0)).sum(axis=1)
    missing = _areas(like, _tangents(like)) - _areas(planes, tangents)
    # ... and for good: missing = growth * distance + curve * distance ** 2. The nearer solution.
    curve = _areas(normals, _tangents(normals))
    divisor = growth + np.sqrt(np.maximum(growth**2 + 4 * curve * missing, 0))
    distance = _ratio(2 * missing, divisor)
    farthest = _FARTHEST * _sizes(np.roll(planes, -1, axis=2) - planes).mean(axis=1)
    distance = np.clip(distance, -farthest, farthest)
    moved: np.ndarray = planes + distance[:, None] * normals
    return moved


def _last_before(starts: np.ndarray) -> np.ndarray:
    """For 0, 1, ..., N - 1 the last of the rising `starts` (n, N) not beyond it, (n, N) int64."""
    n, count = starts.shape
    rows = np.arange(n)[:, None] * (count + 1)
    cells = np.minimum(np.ceil(starts), count).astype(np.int64) + rows
    counts = np.bincount(cells.ravel(), minlength=n * (count + 1)).reshape(n, count + 1)
    found: np.ndarray = counts[:, :count].cumsum(axis=1) - 1
    return found


def _tangents(planes: np.ndarray) -> np.ndarray:
    """From the vertex before each to the one after it, (2, n, N)."""
    tangents: np.ndarray = np.roll(planes, -1, axis=2) - np.roll(planes, 1, axis=2)
    return tangents


def _areas(planes: np.ndarray, tangents: np.ndarray) -> np.ndarray:
    """Areas, positive where contours run clockwise on the screen, (n,)."""
    x = planes[0] - planes[0, :, :1]  # keeps digits far from the origin
    areas: np.ndarray = 0.5 * (x * tangents[1]).sum(axis=1)
    return areas


def _sizes(vectors: np.ndarray) -> np.ndarray:
    """Lengths of vectors (2, ...)."""
    sizes: np.ndarray = np.sqrt(vectors[0] * vectors[0] + vectors[1] * vectors[1])
    return sizes


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """`above` by `below`; 0 where that is 0."""
    return np.divide(above, below, out=np.zeros_like(below), where=below > 0)


def _planes(contours: np.ndarray) -> np.ndarray:
    check_contours(contours)
    return np.ascontiguousarray(np.moveaxis(contours, 2, 0), np.float64)


def _points(planes: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(planes, 0, 2))
