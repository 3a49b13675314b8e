"""Polygons to masks whose edges are soft, so that losses of masks move vertices."""

from __future__ import annotations

import torch
from torch import Tensor

from lib.ops.polygons.signed_distances import signed_distances


def soft_rasterize(
    contours: Tensor, boxes: Tensor, size: tuple[int, int], softness: float = 1.0
) -> Tensor:
    """How much every cell of a grid across a box is inside of a contour.

    It is the sigmoid of the signed distance of the cell's centre to the contour over `softness`,
    both in cells: 1/2 on the contour, and the exact mask (even-odd rule) where the softness tends
    to 0. `lib.ops.signed_distances` says what of it is differentiable: the contours, once.

    Args:
        contours: (n, V, 2) float32 or float64, V >= 3, closed polygons, x then y, pixels.
        boxes: (n, 4): left, top, right, bottom of each grid, pixels; right and bottom are larger.
        size: height and width of the grids, in cells.
        softness: cells, above 0; at one softness from the contour the value is 0.73 or 0.27.

    Returns:
        (n, height, width) in [0, 1].

    Raises:
        ValueError: contours or boxes of another shape or type; a size or a softness that is not
            positive.
    """
    if not softness > 0:
        raise ValueError(f"soft_rasterize: softness must be positive, not {softness}")
    distances = signed_distances(contours_in_cells(contours, boxes, size), *size)
    return (distances / softness).sigmoid()


def contours_in_cells(contours: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Contours in cells of the grids across their boxes; arguments as of `soft_rasterize`.

    Raises:
        ValueError: the boxes are not (n, 4), n being the number of contours.
    """
    if boxes.shape != (len(contours), 4):
        raise ValueError(
            f"boxes must be ({len(contours)}, 4), one for each contour, not {tuple(boxes.shape)}"
        )
    left, top, right, bottom = boxes[:, None].unbind(2)
    x, y = contours.unbind(2)
    height, width = size
    in_cells = (x - left) * (width / (right - left)), (y - top) * (height / (bottom - top))
    return torch.stack(in_cells, dim=2)
