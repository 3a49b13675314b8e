"""Signed distances of a grid's cells to polygons: definition, wrapper, plain version, autograd."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

torch.library.define(
    "e2ec::signed_distances", "(Tensor contours, int height, int width) -> (Tensor, Tensor)"
)
torch.library.define(
    "e2ec::signed_distances_backward",
    "(Tensor grad, Tensor contours, Tensor distances, Tensor edges) -> Tensor",
)

PAIRS = 2**21
"""Pairs of a cell and an edge that the plain version holds at a time: 8 MiB a table."""


def signed_distances(contours: Tensor, height: int, width: int) -> Tensor:
    """Distance of every cell's centre to the nearest edge, positive inside (even-odd rule).

    Differentiable once, with respect to the contours: a vertex moves the distances of the cells to
    which one of its two edges is the nearest. A cell whose centre lies exactly on an edge, where no
    direction is the outer one, gives no gradient.

    Args:
        contours: (n, V, 2) float32 or float64, V >= 3, closed polygons, x then y, in cells, the
            centre of the top-left cell being (0.5, 0.5). They may cross themselves, repeat
            vertices, have no area, and leave the grid.
        height, width: of the grid, in cells.

    Returns:
        (n, height, width), cells; NaN for a contour with a coordinate that is not finite.

    Raises:
        ValueError: contours of another shape or type, or a size that is not positive.
    """
    if contours.dim() != 3 or contours.shape[2] != 2 or contours.shape[1] < 3:
        raise ValueError(
            f"signed_distances: contours must be (n, V, 2) with V >= 3: {tuple(contours.shape)}"
        )
    if contours.dtype not in (torch.float32, torch.float64):
        raise ValueError(
            f"signed_distances: contours must be float32 or float64, not {contours.dtype}"
        )
    if min(height, width) < 1:
        raise ValueError(f"signed_distances: a grid of {height} x {width} has no cells")
    distances: Tensor = torch.ops.e2ec.signed_distances(contours, height, width)[0]
    return distances


def signed_distances_reference(contours: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """The distances, and (n, height, width) int32 the number of each cell's nearest edge; edge i
    leads from vertex i to the next one."""
    count, vertices, _ = contours.shape
    distances = contours.new_empty(count, height, width)
    edges = distances.new_empty(distances.shape, dtype=torch.int32)
    x, y = _centers(contours, height, width)
    at_once = max(1, PAIRS // (height * width * vertices))
    for begin in range(0, count, at_once):
        part = slice(begin, begin + at_once)
        start = contours[part, None]  # (n, 1, V, 2): beside the cells, (cells, 1)
        end = start.roll(-1, dims=2)
        nearest = _nearest(start, end, x[:, None], y[:, None])
        squared, edge = (nearest.x**2 + nearest.y**2).min(dim=2)
        inside = _crossings_to_the_right(start, end, x[:, None], y[:, None]) % 2 == 1
        signed = torch.where(inside, squared.sqrt(), -squared.sqrt())
        finite = contours[part].isfinite().all(dim=2).all(dim=1)[:, None]
        distances[part] = signed.where(finite, torch.nan).unflatten(1, (height, width))
        edges[part] = edge.where(finite, 0).int().unflatten(1, (height, width))
    return distances, edges


def signed_distances_backward_reference(
    grad: Tensor, contours: Tensor, distances: Tensor, edges: Tensor
) -> Tensor:
    """The gradient of the contours: a cell pulls at both ends of its nearest edge, by the law of
    the lever, along the line from the edge's nearest point to its centre."""
    first = edges.long().flatten(1)[..., None].expand(-1, -1, 2)
    second = (first + 1) % contours.shape[1]
    x, y = _centers(contours, *grad.shape[1:])
    nearest = _nearest(contours.gather(1, first), contours.gather(1, second), x, y)
    factor = torch.where(distances != 0, -grad / distances, 0).flatten(1)
    pull = torch.stack([nearest.x * factor, nearest.y * factor], dim=2)
    along = nearest.along[..., None]
    result = torch.zeros_like(contours, memory_format=torch.contiguous_format)
    result.scatter_add_(1, first, (1 - along) * pull)
    return result.scatter_add_(1, second, along * pull)


def _centers(like: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """x and y of the cells' centres, (cells,) each, row by row."""
    y = torch.arange(height, dtype=like.dtype, device=like.device) + 0.5
    x = torch.arange(width, dtype=like.dtype, device=like.device) + 0.5
    return x.repeat(height), y.repeat_interleave(width)


class _Nearest(NamedTuple):
    """The way from the nearest point of an edge to a cell's centre."""

    x: Tensor
    y: Tensor
    along: Tensor
    """Where on the edge that point lies: 0 at its beginning, 1 at its end."""


def _nearest(start: Tensor, end: Tensor, x: Tensor, y: Tensor) -> _Nearest:
    """Of edges (..., 2) and centres (...)."""
    (start_x, start_y), (edge_x, edge_y) = start.unbind(-1), (end - start).unbind(-1)
    offset_x, offset_y = x - start_x, y - start_y
    squared_length = edge_x * edge_x + edge_y * edge_y
    # An edge of no length is its first vertex.
    inverse = torch.where(squared_length > 0, 1 / squared_length, 0)
    along = ((offset_x * edge_x + offset_y * edge_y) * inverse).clamp(0, 1)
    return _Nearest(offset_x - along * edge_x, offset_y - along * edge_y, along)


def _crossings_to_the_right(start: Tensor, end: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """How many edges cross the ray from a centre to the right, (n, cells)."""
    (start_x, start_y), (end_x, end_y) = start.unbind(-1), end.unbind(-1)
    # One end of an edge belongs to it: a vertex on the ray is crossed once, or touched.
    spans = (start_y <= y) != (end_y <= y)
    slope = (end_x - start_x) / torch.where(spans, end_y - start_y, 1)
    return (spans & (x - start_x < (y - start_y) * slope)).sum(dim=2)


torch.library.impl("e2ec::signed_distances", "default", signed_distances_reference)
torch.library.impl(
    "e2ec::signed_distances_backward", "default", signed_distances_backward_reference
)


@torch.library.register_fake("e2ec::signed_distances")
def _fake(contours: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    distances = contours.new_empty(contours.shape[0], height, width)
    return distances, distances.new_empty(distances.shape, dtype=torch.int32)


@torch.library.register_fake("e2ec::signed_distances_backward")
def _fake_backward(grad: Tensor, contours: Tensor, distances: Tensor, edges: Tensor) -> Tensor:
    return torch.empty_like(contours, memory_format=torch.contiguous_format)


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    distances, edges = output
    ctx.mark_non_differentiable(edges)
    ctx.save_for_backward(inputs[0], distances, edges)


def _backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor, None, None]:
    return torch.ops.e2ec.signed_distances_backward(grad, *ctx.saved_tensors), None, None


def _second_backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
    # Without this PyTorch takes the gradients for constants and the second derivative for zero.
    raise RuntimeError("signed_distances has no second derivative")


torch.library.register_autograd("e2ec::signed_distances", _backward, setup_context=_setup_context)
torch.library.register_autograd("e2ec::signed_distances_backward", _second_backward)
