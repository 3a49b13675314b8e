"""Contours that are drawn into boxes: octagons and ellipses with vertices at equal arc length."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

BoxShape = Literal["octagon", "ellipse"]

OCTAGON_SIDE = 0.25
"""Share of a side of the box that an edge of the octagon covers, around the side's middle."""
_ELLIPSE_CORNERS = 128


def box_contours(sizes: Tensor, vertices: int, shape: BoxShape) -> Tensor:
    """The shape drawn into boxes around the origin, divided into edges of equal arc length.

    Vertex 0 touches the middle of the box's lower side, and the others follow counter-clockwise
    as seen on screen. The four quarters of the shape are congruent, so that with a number of
    vertices that is a multiple of 4 all four sides are touched in their middle, whatever the box.

    Args:
        sizes: (n, 2) width and height, positive, any unit; gradients reach them.
        vertices: number N of vertices.
        shape: an octagon, with edges on the middle quarter of every side as the octagons of extreme
            points have; or an ellipse, as a polygon of many corners.

    Returns:
        (n, N, 2), x then y.
    """
    corners = _corners(shape).to(sizes) * (sizes / 2)[:, None]
    closed = torch.cat([corners, corners[:, :1]], dim=1)
    lengths = closed.diff(dim=1).norm(dim=2)
    arc = torch.nn.functional.pad(lengths.cumsum(1), (1, 0))
    share = torch.arange(vertices, device=sizes.device, dtype=sizes.dtype) / vertices
    wanted = arc[:, -1:] * share
    edge = torch.searchsorted(arc.detach(), wanted.detach().contiguous(), right=True) - 1
    edge = edge.clamp(0, lengths.shape[1] - 1)
    along = (wanted - arc.gather(1, edge)) / lengths.gather(1, edge)
    index = edge[..., None].expand(-1, -1, 2)
    start, stop = closed.gather(1, index), closed.gather(1, index + 1)
    return start + along[..., None] * (stop - start)


def _corners(shape: BoxShape) -> Tensor:
    """(K, 2) float64 corners in the box from -1 to 1, from the middle of its lower side on."""
    if shape == "ellipse":
        angles = torch.arange(_ELLIPSE_CORNERS, dtype=torch.float64)
        angles = angles * (2 * math.pi / _ELLIPSE_CORNERS)
        return torch.stack([angles.sin(), angles.cos()], dim=1)
    s = OCTAGON_SIDE
    corners = [(0, 1), (s, 1), (1, s), (1, -s), (s, -1), (-s, -1), (-1, -s), (-1, s), (-s, 1)]
    return torch.tensor(corners, dtype=torch.float64)
