"""Initial contours: a whole contour regressed at every centre (paper sec. 3.1)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

OFFSET_SCALE = 10.0
"""The head predicts offsets in tens of feature cells."""

Clip = Literal["edge", "cells"]
"""How far contours may reach in evaluation: to the edge of the map, as labels do, or to its last
cell, as in the published network."""


def initial_contours(offsets: Tensor, centers: Tensor) -> Tensor:
    """Contours from the values of the offset head at the centres.

    Args:
        offsets: (n, 2N), x and y alternate, vertex by vertex.
        centers: (n, 2) int64, x then y, feature cells.

    Returns:
        (n, N, 2), x then y, feature cells, not clipped.
    """
    vertices = offsets.unflatten(1, (-1, 2))
    return centers[:, None].to(vertices.dtype) + OFFSET_SCALE * vertices


def clip_to_map(contours: Tensor, height: int, width: int, clip: Clip) -> Tensor:
    """Contours (n, N, 2) in cells, limited to a map of height x width cells.

    "edge" is [0, width] x [0, height], "cells" [0, width - 1] x [0, height - 1].
    """
    beyond = 1 if clip == "cells" else 0
    return contours.clamp(min=0).minimum(contours.new_tensor([width - beyond, height - beyond]))
