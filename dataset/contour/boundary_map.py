"""Maps of the boundaries of all labelled contours, one cell wide."""

from __future__ import annotations

import torch
from torch import Tensor

TABLE = 2**20
"""Points set at a time, so that they take a few megabytes however many contours there are."""


def draw_boundaries(
    contours: Tensor, image_index: Tensor, images: int, size: tuple[int, int], stride: int
) -> Tensor:
    """Cells that a contour passes through, on the device of the contours.

    Every edge is walked in steps of at most a cell, so that boundaries have no gaps; a step that
    cuts a corner may leave out the cell at it. What lies at the image's edge is drawn into its last
    cells, also where the image has cut off an object.

    Args:
        contours: (n, N, 2), x then y, input pixels, within the image.
        image_index: (n,) int64, the image of every contour.
        images: number B of images.
        size: height h and width w of a map, cells.
        stride: input pixels a cell.

    Returns:
        (B, 1, h, w) float32, 1 on boundaries and 0 elsewhere.
    """
    height, width = size
    maps = torch.zeros(images, 1, height, width, device=contours.device)
    flat = maps.view(-1)
    start = contours.float() / stride
    edge = start.roll(-1, dims=1) - start
    first = image_index[:, None, None] * (height * width)
    steps = max(height, width)  # no edge within the image is longer, along x or along y
    together = max(1, TABLE // max(start[..., 0].numel(), 1))
    for begin in range(0, steps, together):
        share = torch.arange(begin, min(begin + together, steps), device=contours.device) / steps
        x, y = (start[:, :, None] + share[:, None] * edge[:, :, None]).long().unbind(3)
        cells = first + y.clamp(0, height - 1) * width + x.clamp(0, width - 1)
        flat.index_fill_(0, cells.flatten(), 1.0)
    return maps
