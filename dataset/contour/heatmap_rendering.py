"""Heat maps of a whole batch at once, on the device of the batch.

The Gaussians are those of `dataset.contour.heatmap.draw_gaussian`. With many classes a heat map is
several megabytes of zeros with a few Gaussians in it: loader workers send their centres and radii.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lib.ops import draw_gaussians


def draw_heatmaps(
    centers: Tensor,
    radii: Tensor,
    classes: Tensor,
    image_index: Tensor,
    *,
    images: int,
    size: tuple[int, int, int],
) -> Tensor:
    """Heat maps with a Gaussian at every centre, combined by their maximum.

    Args:
        centers: (n, 2) int64, x then y, cells, inside the map.
        radii: (n,) int64, cells: a Gaussian is 2 radius + 1 cells wide, its standard deviation
            a sixth of that.
        classes: (n,) int64, the channel of every Gaussian.
        image_index: (n,) int64, the image of every Gaussian.
        images: number B of images.
        size: channels C, height h and width w of a map.

    Returns:
        (B, C, h, w) float32 in [0, 1], exactly 1 at the centres.
    """
    channels, height, width = size
    heatmaps = _zeros((images * channels, height, width), centers.device)
    maps = image_index * channels + classes
    draw_gaussians(heatmaps, torch.cat([maps[:, None], centers, radii[:, None]], dim=1))
    return heatmaps.view(images, channels, height, width)


def _zeros(size: tuple[int, ...], device: torch.device) -> Tensor:
    if device.type != "cpu":
        return torch.zeros(size, device=device)
    # numpy asks the system for pages that are zero already; torch writes all of them.
    return torch.from_numpy(np.zeros(size, np.float32))
