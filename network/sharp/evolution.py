"""Contour evolution: vertices walk along their normals until their state flips (SharpContour,
sec. 3.1)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from network.sharp.settings import EvolutionSettings

PointState = Callable[[Tensor], Tensor]
"""Points (r, P, 2), input pixels -> phi, (r, P): the probability of being outside."""
Walk = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""Contours, outward normals (r, N, 2 each) and resting vertices (r, N) -> where the vertices stop,
and which of them have flipped now."""


def evolve(
    contours: Tensor,
    state: PointState,
    size: Tensor,
    settings: EvolutionSettings,
    *,
    outward: Tensor | None = None,
) -> list[Tensor]:
    """Contours after every iteration (equation 1: x' = x + m s d), all vertices at once.

    A vertex inside (phi at most 0.5) moves along its outward normal, one outside against it, in
    steps of s = step * size * |phi - 0.5|, until its state flips, at most `max_steps` times. A
    vertex that has flipped rests in later iterations.

    Args:
        contours: (r, N, 2) closed rings, x then y, input pixels, of either direction.
        state: the point classifier; in [0, 1].
        size: (r,) root of the area of the instance's box, input pixels.
        settings: numbers of the evolution; `vertices` is the caller's business.
        outward: (r,) 1 where a ring bounds its object from outside, -1 for a hole; None is all 1.

    Returns:
        (r, N, 2) for every iteration.
    """

    def walk(contours: Tensor, normals: Tensor, resting: Tensor) -> tuple[Tensor, Tensor]:
        return walk_by_state(contours, normals, resting, state, size, settings)

    return iterate(contours, walk, settings.iterations, outward=outward)


def iterate(
    contours: Tensor, walk: Walk, iterations: int, *, outward: Tensor | None = None
) -> list[Tensor]:
    """Contours after every iteration of normals found anew and a walk along them: the frame of
    `evolve`, whose arguments these are."""
    resting = contours.new_zeros(contours.shape[:2], dtype=torch.bool)
    results = []
    for _ in range(iterations):
        normals = outward_normals(contours)
        if outward is not None:
            normals = normals * outward[:, None, None]
        contours, flipped = walk(contours, normals, resting)
        resting = resting | flipped
        results.append(contours)
    return results


def walk_by_state(
    contours: Tensor,
    normals: Tensor,
    resting: Tensor,
    state: PointState,
    size: Tensor,
    settings: EvolutionSettings,
) -> tuple[Tensor, Tensor]:
    """A `Walk` by any classifier: all places where a vertex could stop are asked about at once, as
    suits a GPU. `lib.ops.walk_to_flip` is the one for CPUs."""
    phi = state(contours)
    outside = phi > 0.5
    certainty = (phi - 0.5).abs() if settings.adaptive else torch.full_like(phi, 0.5)
    length = settings.step * size[:, None] * certainty
    step = normals * torch.where(outside, -length, length)[..., None]
    numbers = torch.arange(1, settings.max_steps + 1, device=contours.device)
    # (r, N, M, 2): every place where a vertex could stop.
    places = contours[:, :, None] + step[:, :, None] * numbers[:, None]
    flips = (state(places.flatten(1, 2)) > 0.5).view(places.shape[:3]) != outside[..., None]
    flipped = flips.any(dim=2) & ~resting
    count = torch.where(flipped, flips.int().argmax(dim=2) + 1, settings.max_steps)
    count = count.masked_fill(resting, 0)
    return contours + step * count[..., None], flipped


def outward_normals(contours: Tensor) -> Tensor:
    """Unit normals (r, N, 2) that point out of the rings (r, N, 2), whatever their direction.

    A vertex's normal is perpendicular to the line between its neighbours; it is 0 where these
    coincide.
    """
    tangents = contours.roll(-1, 1) - contours.roll(1, 1)
    # y points down: to the left of a ring that runs clockwise on the screen lies its outside.
    normals = torch.stack([tangents[..., 1], -tangents[..., 0]], dim=-1)
    x, y = (contours - contours[:, :1]).unbind(-1)
    area = (x * y.roll(-1, 1) - x.roll(-1, 1) * y).sum(1)
    normals = normals * torch.where(area < 0, -1.0, 1.0).to(normals)[:, None, None]
    return normals / normals.norm(dim=-1, keepdim=True).clamp(min=1e-6)


def subdivide(contours: Tensor, vertices: int) -> Tensor:
    """Contours (r, N, 2) with every edge in equally many equal parts, (r, k N, 2): the fewest that
    make at least `vertices` of them. The shape stays the same to the last corner."""
    parts = -(-vertices // contours.shape[1])
    if parts <= 1:
        return contours
    along = torch.arange(parts, device=contours.device).to(contours.dtype) / parts
    edges = contours.roll(-1, 1) - contours
    return (contours[:, :, None] + edges[:, :, None] * along[:, None]).flatten(1, 2)
