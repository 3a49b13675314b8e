"""A dense head on the shared map: centre heat map, initial offsets (paper sec. 3.1), part votes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from network.layers.precision import full_precision

# sigmoid(-2.19) = 0.1: the prior of the focal loss (CornerNet).
HEATMAP_PRIOR_LOGIT = -2.19


class DenseHead(nn.Sequential):
    """3x3 convolution, ReLU, 1x1 convolution: (B, channels_in, H, W) -> (B, channels_out, H, W)."""

    def __init__(
        self, channels_in: int, hidden: int, channels_out: int, *, last_bias: float = 0.0
    ) -> None:
        last = nn.Conv2d(hidden, channels_out, 1)
        nn.init.constant_(last.bias, last_bias)  # type: ignore[arg-type]
        super().__init__(nn.Conv2d(channels_in, hidden, 3, padding=1), nn.ReLU(inplace=True), last)


def head_at_cells(head: DenseHead, features: Tensor, cells: Tensor, image_index: Tensor) -> Tensor:
    """`head(features)` at single cells, computed only there.

    A cell sees the 3x3 patch around it, so the head becomes two matrix products over n patches
    instead of over all cells of the map. It computes in the precision of the head's weights even
    under autocast: the values at a centre are coordinates, and n cells cost little. Training
    gains as well, so this is no pass of `network.inference`.

    Args:
        head: the dense head.
        features: (B, channels_in, h, w).
        cells: (n, 2) int64, x then y.
        image_index: (n,) int64.

    Returns:
        (n, channels_out), of the type of the head.
    """
    first, _, last = head
    assert isinstance(first, nn.Conv2d) and isinstance(last, nn.Conv2d)
    height, width = features.shape[2:]
    step = torch.arange(-1, 2, device=cells.device)
    x, y = cells[:, 0, None, None] + step, cells[:, 1, None, None] + step[:, None]
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    patches = features[
        image_index[:, None, None], :, y.clamp(0, height - 1), x.clamp(0, width - 1)
    ]  # (n, 3, 3, channels_in)
    with full_precision(features.device):
        patches = patches.to(first.weight.dtype) * inside[..., None]
        weight = first.weight.permute(0, 2, 3, 1).flatten(1)
        hidden = F.linear(patches.flatten(1), weight, first.bias).relu()
        return F.linear(hidden, last.weight.flatten(1), last.bias)
