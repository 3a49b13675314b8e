"""Heat maps of a whole batch at once, on the device of the batch.

The bumps are those of `dataset.heatmap.draw_gaussian`. With many classes a heat map is several
megabytes of zeros with a few bumps in it: loader workers send what the bumps are instead.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def draw_heatmaps(
    centers: Tensor,
    radii: Tensor,
    classes: Tensor,
    image_index: Tensor,
    *,
    images: int,
    size: tuple[int, int, int],
) -> Tensor:
    """Heat maps with a Gaussian bump at every centre, combined by their maximum.

    Args:
        centers: (n, 2) int64, x then y, cells, inside the map.
        radii: (n,) int64, cells: a bump is 2 radius + 1 cells wide, its standard deviation a sixth
            of that.
        classes: (n,) int64, the channel of every bump.
        image_index: (n,) int64, the image of every bump.
        images: number B of images.
        size: channels C, height h and width w of a map.

    Returns:
        (B, C, h, w) float32 in [0, 1], exactly 1 at the centres.
    """
    channels, height, width = size
    x, y = centers.unbind(1)
    left, right = (x - radii).clamp(min=0), (x + radii).clamp(max=width - 1)
    top, bottom = (y - radii).clamp(min=0), (y + radii).clamp(max=height - 1)
    columns = right - left + 1
    cells = columns * (bottom - top + 1)

    # One entry for every cell of every bump: the bump it belongs to, its place in the map.
    bump = torch.repeat_interleave(cells)
    first = cells.cumsum(0) - cells
    place = torch.arange(len(bump), device=bump.device) - first[bump]
    column = left[bump] + place % columns[bump]
    row = top[bump] + place // columns[bump]
    squared = (column - x[bump]) ** 2 + (row - y[bump]) ** 2
    sigma = (2 * radii + 1).to(torch.float32) / 6
    height_of_bump = torch.exp(-squared / (2 * sigma * sigma)[bump])

    channel = (image_index * channels + classes)[bump]
    target = (channel * height + row) * width + column
    heatmaps = _zeros(images * channels * height * width, centers.device)
    heatmaps.scatter_reduce_(0, target, height_of_bump, "amax")
    return heatmaps.view(images, channels, height, width)


def _zeros(size: int, device: torch.device) -> Tensor:
    if device.type != "cpu":
        return torch.zeros(size, device=device)
    # numpy asks the system for pages that are zero already; torch writes all of them.
    return torch.from_numpy(np.zeros(size, np.float32))
