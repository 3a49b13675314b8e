"""Labels of contours in plain numpy and PyTorch, which the compiled kernels must equal.

Alignment goes contour by contour; why it is done like this is in `lib.ops.labels.align_contours`.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from lib.polygons.geometry import remove_repeated_points, signed_area, simplify_closed
from lib.polygons.ragged import Ragged

# Rays whose angle to a point is below this, in radians, are taken to hit it.
_ANGLE_TOLERANCE = 1e-9
# Fixed points closer than this share of the contour's length count as one.
_SHORTEST_STRETCH = 1e-6
CELLS_AT_ONCE = 2**24
"""Cells of heat maps that `draw_gaussians` holds at a time: 64 MiB."""


def align_contours(points: Tensor, offsets: Tensor, rays: Tensor, vertices: int) -> Tensor:
    """See `lib.ops.labels.align_contours`; `points` and `offsets` as in `Ragged`, float64."""
    parts = Ragged(points.numpy(), offsets.numpy())
    labels = [align_contour(part, vertices, len(rays)) for part in parts]
    return torch.from_numpy(np.array(labels, np.float64).reshape(-1, vertices, 2))


@lru_cache
def direction_rays(directions: int) -> np.ndarray:
    """x and y, (M, 2), of M directions counter-clockwise on screen from straight down."""
    angle = 2 * np.pi * np.arange(directions) / directions
    return np.stack([np.sin(angle), np.cos(angle)], axis=1)


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
        ValueError: fewer than three distinct points.
    """
    points = remove_repeated_points(np.asarray(points, dtype=np.float64))
    if len(points) < 3:
        raise ValueError("a contour needs at least three distinct points")
    if signed_area(points) > 0:  # clockwise on screen
        points = points[::-1]
    directions = max(directions, 1)
    closed = np.concatenate([points, points[:1]])
    steps = np.diff(closed, axis=0)
    arc = np.concatenate([[0.0], np.cumsum(np.hypot(steps[:, 0], steps[:, 1]))])
    fixed = _direction_positions(closed, arc, direction_rays(directions))
    kept = _directions_in_order((fixed - fixed[0]) % arc[-1], arc[-1])

    # Direction k of M owns the label vertices from k N / M on.
    first_vertex = np.append(np.arange(directions) * vertices // directions, vertices)
    knots = np.append(first_vertex[kept], vertices)
    relative = np.append((fixed[kept] - fixed[0]) % arc[-1], arc[-1])
    position = (fixed[0] + np.interp(np.arange(vertices), knots, relative)) % arc[-1]
    return np.stack([np.interp(position, arc, closed[:, axis]) for axis in (0, 1)], axis=1)


def _direction_positions(closed: np.ndarray, arc: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Arc position, (M,), of the contour point most nearly in each direction.

    `closed` is (n + 1, 2) with the first point repeated, `arc` (n + 1,) the arc length up to it;
    `rays` as `direction_rays` gives them.
    """
    center = (closed.min(axis=0) + closed.max(axis=0)) / 2
    sine, cosine = rays.T[..., None]
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
    rows = np.arange(len(rays))
    missed = np.isneginf(reach[rows, best])
    count = len(arc) - 1
    # Of angles that only rounding tells apart the first is taken.
    smallest = miss <= miss.min(axis=1, keepdims=True) + _ANGLE_TOLERANCE
    best = np.where(missed, count + smallest.argmax(axis=1), best)
    edge = best % count
    fraction = np.where(best < count, ratio[rows, edge], 0.0)
    return arc[edge] + fraction * (arc[edge + 1] - arc[edge])


def _directions_in_order(relative: np.ndarray, length: float) -> list[int]:
    """Largest set of directions that includes 0 and whose arc positions rise.

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


def key_vertices(contours: Tensor, tolerance: float) -> Tensor:
    """See `lib.ops.labels.key_vertices`."""
    kept = [simplify_closed(contour, tolerance) for contour in contours.numpy()]
    return torch.from_numpy(np.array(kept, bool).reshape(contours.shape[:2]))


def draw_gaussians(heatmaps: Tensor, gaussians: Tensor) -> None:
    """See `lib.ops.labels.draw_gaussians`: a whole map for every Gaussian, on any device.

    To raise only the cells of a Gaussian, a GPU would have to be waited for: how many they are
    depends on the radii. Gaussians are taken a few at a time: their maps together hold at most
    `CELLS_AT_ONCE`.
    """
    height, width = heatmaps.shape[1:]
    maps, x, y, radii = gaussians.unbind(1)
    rows = _profile(torch.arange(height, device=y.device), y, radii)
    columns = _profile(torch.arange(width, device=x.device), x, radii)
    flat = heatmaps.flatten(1)
    count = max(1, CELLS_AT_ONCE // max(height * width, 1))
    for target, row, column in zip(
        maps.split(count), rows.split(count), columns.split(count), strict=True
    ):
        values = (row[:, :, None] * column[:, None]).flatten(1)
        flat.scatter_reduce_(0, target[:, None].expand_as(values), values, "amax")


def _profile(line: Tensor, centers: Tensor, radii: Tensor) -> Tensor:
    """(n, cells) float32: the height of Gaussians along one axis."""
    away = (line - centers[:, None]).abs()
    sigma = (2 * radii[:, None] + 1).to(torch.float32) / 6
    return torch.where(away <= radii[:, None], torch.exp(-(away**2) / (2 * sigma * sigma)), 0.0)
