"""Target of the centre heat map: a Gaussian at every object centre.

CornerNet (Law and Deng, 2018) asks how far both corners of a box may move so that the moved box
still overlaps the true one by a minimum; CenterNet uses that radius for centres.

With many classes a heat map is several megabytes of zeros with a few Gaussians in it: loader
workers send their centres and radii, and a batch is drawn at once, where it lies.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from lib.ops import draw_gaussians

EXTENT_SHARE = 0.54
"""Of a box's side that its Gaussian takes, as TTFNet has it."""


def gaussian_radius(height: float, width: float, min_overlap: float = 0.7) -> float:
    """Radius, in cells, within which a moved box still overlaps by `min_overlap`.

    Three cases are solved as quadratics a r^2 + b r + c = 0 and the smallest r taken: both corners
    move the same way, both move inwards, both move outwards. As in the released code of CornerNet
    and CenterNet the root is (b + sqrt(b^2 - 4ac)) / 2 in all three; the division by 2 instead of
    2a (and of b instead of -b) is a known slip there that every published model was trained with.

    Args:
        height, width: size of the box, cells.
        min_overlap: smallest intersection over union, in (0, 1).
    """
    size, total = height * width, height + width
    quadratics = (
        (1.0, total, size * (1 - min_overlap) / (1 + min_overlap)),
        (4.0, 2 * total, size * (1 - min_overlap)),
        (4.0 * min_overlap, -2 * min_overlap * total, size * (min_overlap - 1)),
    )
    return min((b + math.sqrt(b * b - 4 * a * c)) / 2 for a, b, c in quadratics)


def draw_heatmaps(gaussians: Tensor, images: int, size: tuple[int, int, int]) -> Tensor:
    """Heat maps with a Gaussian at every centre, combined by their maximum.

    Args:
        gaussians: (n, 5) int64: the image, the class, x and y of the centre, which lies in the map,
            and the radius, in cells: a Gaussian is 2 radius + 1 cells wide, its standard deviation
            a sixth of that.
        images: number B of images.
        size: channels C, height h and width w of a map.

    Returns:
        (B, C, h, w) float32 in [0, 1], exactly 1 at the centres.
    """
    heatmaps = _empty((images, *size), gaussians.device)
    maps = gaussians[:, 0] * size[0] + gaussians[:, 1]
    draw_gaussians(heatmaps.flatten(0, 1), torch.column_stack([maps, gaussians[:, 2:]]))
    return heatmaps


def draw_extents(
    gaussians: Tensor,
    extents: Tensor,
    images: int,
    size: tuple[int, int, int],
    alpha: float = EXTENT_SHARE,
) -> Tensor:
    """Heat maps with Gaussians that are as wide and as high as boxes (TTFNet, Liu et al., 2020).

    Along x and along y the standard deviation is alpha * side / 6, and beyond three of them a
    Gaussian is 0.

    Args:
        gaussians: (n, 5) int64, as in `draw_heatmaps`; the radius is not looked at.
        extents: (n, 2) float32, width and height of the boxes, positive, cells.
        images: number B of images.
        size: channels C, height h and width w of a map.
        alpha: the share of a box's sides that its Gaussian takes.

    Returns:
        (B, C, h, w) float32 in [0, 1], exactly 1 at the centres.
    """
    channels, height, width = size
    heatmaps = _empty((images, *size), extents.device)
    deviations = alpha * extents / 6
    reach = (3 * deviations).long()
    across, down = (2 * reach + 1).unbind(1)
    # All cells of all windows side by side: window k has down[k] rows of across[k] cells.
    counts = across * down
    starts = counts.cumsum(0) - counts
    window = torch.repeat_interleave(torch.arange(len(counts), device=counts.device), counts)
    place = torch.arange(len(window), device=counts.device) - starts[window]
    dx = place % across[window] - reach[window, 0]
    dy = place // across[window] - reach[window, 1]
    x, y = gaussians[window, 2] + dx, gaussians[window, 3] + dy
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    spread = deviations[window].clamp(min=torch.finfo(torch.float32).tiny)
    exponent = ((torch.stack([dx, dy], dim=1) / spread) ** 2).sum(1)
    maps = gaussians[window, 0] * channels + gaussians[window, 1]
    cells = (maps * height + y) * width + x
    flat = heatmaps.view(-1)
    flat.scatter_reduce_(0, cells[inside], (-exponent[inside] / 2).exp(), "amax")
    return heatmaps


def _empty(shape: tuple[int, ...], device: torch.device) -> Tensor:
    """Maps of zeros, float32."""
    if device.type == "cpu":
        # numpy asks the system for pages that are zero already; torch writes all of them.
        return torch.from_numpy(np.zeros(shape, np.float32))
    return torch.zeros(shape, device=device)
