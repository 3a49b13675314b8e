"""Heat maps of a whole batch at once, on the device of the batch.

The bumps are those of `dataset.heatmap.draw_gaussian`. With many classes a heat map is several
megabytes of zeros with a few bumps in it: loader workers send what the bumps are instead.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lib.ops import draw_bumps


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
    heatmaps = _zeros((images * channels, height, width), centers.device)
    maps = image_index * channels + classes
    draw_bumps(heatmaps, torch.cat([maps[:, None], centers, radii[:, None]], dim=1))
    return heatmaps.view(images, channels, height, width)


def _zeros(size: tuple[int, ...], device: torch.device) -> Tensor:
    if device.type != "cpu":
        return torch.zeros(size, device=device)
    # numpy asks the system for pages that are zero already; torch writes all of them.
    return torch.from_numpy(np.zeros(size, np.float32))
