"""A dense head on the shared map: centre heat map, initial offsets (paper sec. 3.1), part votes."""

from __future__ import annotations

from torch import Tensor, nn

# sigmoid(-2.19) = 0.1: the prior of the focal loss (CornerNet).
HEATMAP_PRIOR_LOGIT = -2.19


class DenseHead(nn.Sequential):
    """3x3 convolution, ReLU, 1x1 convolution."""

    def __init__(
        self, channels_in: int, hidden: int, channels_out: int, *, last_bias: float = 0.0
    ) -> None:
        last = nn.Conv2d(hidden, channels_out, 1)
        nn.init.constant_(last.bias, last_bias)  # type: ignore[arg-type]
        super().__init__(nn.Conv2d(channels_in, hidden, 3, padding=1), nn.ReLU(), last)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels_in, H, W) -> (B, channels_out, H, W), no activation at the end."""
        return super().forward(x)
