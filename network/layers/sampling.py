"""Sampling vertex features from a map: the only place with the published half-cell shift."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from network.layers.precision import at_least_float32


def sample_features(
    features: Tensor, points: Tensor, image_index: Tensor, *, max_per_image: int | None = None
) -> Tensor:
    """Bilinear samples with zeros outside the map.

    Positions are normalised as x / (W / 2) - 1 under align_corners=False. There the centre of cell
    i lies at i + 0.5, so a point at cell coordinate x reads the map half a cell up and left of cell
    index x. Published weights were trained with this and it is kept.

    Args:
        features: (B, C, h, w).
        points: (n, P, 2), x then y, feature cells.
        image_index: (n,) int64, ascending: instances of one image stand together.
        max_per_image: an upper limit of the instances per image, where the host knows one. Without
            it the host waits for a GPU to count.

    Returns:
        (n, C, P) float32 (float64 for float64 features).
    """
    batch, channels, height, width = features.shape
    features = at_least_float32(features)
    # Filled on the device: copying numbers from the host would wait for it.
    size = torch.stack([points.new_full((), width), points.new_full((), height)])
    grid_points = (points / (size / 2) - 1).to(features.dtype)
    if batch == 1:
        sampled = F.grid_sample(features, grid_points[None], align_corners=False)
        return sampled[0].transpose(0, 1)
    # grid_sample wants equally many points per image: instances go to a (B, max_per_image) table.
    images = torch.arange(batch, device=image_index.device)
    counts = (image_index[:, None] == images).sum(0)
    first = counts.cumsum(0) - counts
    slot = torch.arange(points.shape[0], device=points.device) - first[image_index]
    max_per_image = max(int(counts.max()) if max_per_image is None else max_per_image, 1)
    grid = grid_points.new_zeros(batch, max_per_image, points.shape[1], 2)
    grid = grid.index_put((image_index, slot), grid_points)
    sampled = F.grid_sample(features, grid, align_corners=False)
    return sampled.permute(0, 2, 1, 3)[image_index, slot].reshape(-1, channels, points.shape[1])
