"""Multi-direction alignment: labels whose vertices mean the same place on every object.

Section 3.2 of the E2EC paper. A few vertices of the label are fixed at the points of the contour
that lie in given directions from the centre of the bounding box; the others are spread at equal arc
length between their two fixed neighbours. Vertex k then always lies roughly on the same side of
the object, which makes the target of the initial contour nearly unambiguous.

Choices that the paper leaves open:

- The point "most nearly" in a direction is the point of the contour, not only of its vertices,
  that makes the smallest angle with the direction. Where the ray from the centre crosses the
  contour the angle is zero, and of several crossings the farthest is taken: it lies on the
  outside of the object, where the order of the directions along the contour is least disturbed.
  A ray that crosses nothing (the centre can lie outside a bent object) takes the vertex of
  smallest angle.
- On a winding contour the fixed points can come in another order than the directions. The largest
  set of directions that stands in order is kept, always with the first one; the stretch that a
  dropped direction would have ended is joined with its neighbour and the two share their points.
  So the contour is walked exactly once and always has the full number of vertices.
"""

from __future__ import annotations

import numpy as np

from lib.geometry import remove_repeated_points, signed_area

# Rays whose angle to a point is below this, in radians, are taken to hit it.
_ANGLE_TOLERANCE = 1e-9
# Fixed points closer than this share of the contour's length count as one.
_SHORTEST_STRETCH = 1e-6


def align_contour(points: np.ndarray, vertices: int, directions: int) -> np.ndarray:
    """Sample a closed contour into a label of fixed length with aligned vertices.

    Args:
        points: (n, 2) closed polygon, x then y, any orientation and starting point, any unit.
        vertices: number N of vertices of the label.
        directions: number M of fixed directions, equally spaced counter-clockwise on screen from
            straight down (M = 4: down, right, up, left). With 0 or 1 only vertex 0 is fixed and
            the sampling is uniform.

    Returns:
        (vertices, 2) float64, counter-clockwise as seen on screen (y down), vertex 0 straight below
        the centre of the bounding box.

    Raises:
        ValueError: fewer than three distinct points, N < 3, or M > N.
    """
    if vertices < 3 or not 0 <= directions <= vertices:
        raise ValueError(f"cannot place {directions} directions on {vertices} vertices")
    points = remove_repeated_points(np.asarray(points, dtype=np.float64))
    if len(points) < 3:
        raise ValueError("a contour needs at least three distinct points")
    if signed_area(points) > 0:  # clockwise on screen
        points = points[::-1]
    directions = max(directions, 1)
    closed = np.concatenate([points, points[:1]])
    steps = np.diff(closed, axis=0)
    arc = np.concatenate([[0.0], np.cumsum(np.hypot(steps[:, 0], steps[:, 1]))])
    fixed = _direction_positions(closed, arc, directions)
    kept = _directions_in_order((fixed - fixed[0]) % arc[-1], arc[-1])

    # Direction k of M owns the label vertices from k N / M on.
    first_vertex = np.append(np.arange(directions) * vertices // directions, vertices)
    knots = np.append(first_vertex[kept], vertices)
    relative = np.append((fixed[kept] - fixed[0]) % arc[-1], arc[-1])
    position = (fixed[0] + np.interp(np.arange(vertices), knots, relative)) % arc[-1]
    return np.stack([np.interp(position, arc, closed[:, axis]) for axis in (0, 1)], axis=1)


def _direction_positions(closed: np.ndarray, arc: np.ndarray, directions: int) -> np.ndarray:
    """Arc position, (M,), of the contour point most nearly in each direction.

    `closed` is (n + 1, 2) with the first point repeated, `arc` (n + 1,) the arc length up to it.
    """
    center = (closed.min(axis=0) + closed.max(axis=0)) / 2
    angle = 2 * np.pi * np.arange(directions) / directions
    sine, cosine = np.sin(angle)[:, None], np.cos(angle)[:, None]
    x, y = (closed - center).T
    along = sine * x + cosine * y  # (M, n + 1): distance along the ray
    across = cosine * x - sine * y  # signed distance from it

    before, after = across[:, :-1], across[:, 1:]
    crosses = (before < 0) != (after < 0)
    ratio = before / np.where(crosses, before - after, 1.0)
    reach = along[:, :-1] + ratio * (along[:, 1:] - along[:, :-1])
    crosses &= reach >= 0
    miss = np.abs(np.arctan2(before, along[:, :-1]))
    touches = miss <= _ANGLE_TOLERANCE

    # Candidates: n crossings, then n vertices; a candidate that is not on the ray reaches nowhere.
    reach = np.concatenate(
        [np.where(crosses, reach, -np.inf), np.where(touches, along[:, :-1], -np.inf)], axis=1
    )
    best = reach.argmax(axis=1)
    rows = np.arange(directions)
    missed = np.isneginf(reach[rows, best])
    count = len(arc) - 1
    best = np.where(missed, count + miss.argmin(axis=1), best)
    edge = best % count
    fraction = np.where(best < count, ratio[rows, edge], 0.0)
    return arc[edge] + fraction * (arc[edge + 1] - arc[edge])


def _directions_in_order(relative: np.ndarray, length: float) -> list[int]:
    """Largest set of directions, 0 among them, whose arc positions rise.

    `relative` is (M,), the distance walked from the first fixed point to each of them, and `length`
    that of the whole contour. Positions that all but coincide count as one, so that no two
    vertices fall together.
    """
    gap = _SHORTEST_STRETCH * length
    positions = relative.tolist()
    # best[k]: the longest rising chain of directions that ends with k (dynamic programming).
    best = [[0]]
    for k, position in enumerate(positions[1:], start=1):
        chains = [c for c in best if c and position - positions[c[-1]] > gap]
        usable = position < length - gap
        best.append([*max(chains, key=len), k] if usable and chains else [])
    return max(best, key=len)
