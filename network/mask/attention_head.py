"""SEANet's mask head (Chen et al., sec. 3.2, fig. 2b and 3): channel attention beside the mask
convolutions, and an edge attention module that learns the labels' edges.

The paper leaves some widths open. All convolutions have 256 channels here, both branches are
upsampled by a transposed convolution of their own, and the edge predictor is a 3x3 and a 1x1
convolution. That adds 6,843,218 parameters to Mask R-CNN's mask head. Table 6 contradicts itself:
6.85 M lie between its rows "FCN box head + B-IoU" and "all", 8.15 M between "Mask R-CNN" and "edge
attention head".
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from network.layers.precision import at_least_float32
from network.mask.convolutions import convolution, convolution_stack
from network.mask.settings import AttentionHeadSettings

CONVOLUTIONS = 4
"""Of the mask branch, and of the edge attention module, so that both are equally deep."""
POSITION_REDUCTION = 8
"""So many times fewer channels have queries and keys (DANet)."""


class AttentionMaskHead(nn.Module):
    """Features of proposals to mask logits, and edge logits in between.

    Without either attention this is torchvision's mask head and predictor, parameter by parameter
    (`plain_keys`).
    """

    def __init__(self, channels: int, num_classes: int, settings: AttentionHeadSettings) -> None:
        """
        Args:
            channels: of the features, and of every convolution here.
            num_classes: foreground classes K.
            settings: which parts there are.
        """
        super().__init__()
        self.concatenates = settings.fusion == "concat"
        self.mask_head = convolution_stack(channels, CONVOLUTIONS)
        self.channel_attention: ChannelAttention | None = None
        self.edge_attention: EdgeAttention | None = None
        self.edge_predictor: nn.Sequential | None = None
        into, out = channels, channels
        if settings.channel_attention:
            self.channel_attention = ChannelAttention(channels, settings.reduction)
            into += channels
        if settings.edge_attention:
            self.edge_attention = EdgeAttention(channels)
            if self.concatenates:
                out += channels
            if settings.edge_supervision:
                self.edge_predictor = nn.Sequential(
                    convolution(channels, channels, 3), _started(nn.Conv2d(channels, 1, 1))
                )
        self.mask_upsampling = upsampling(into, channels)
        self.mask_predictor = _started(nn.Conv2d(out, num_classes + 1, 1))

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor | None]:
        """(n, channels, s, s) RoI features, s = 14.

        Returns:
            mask logits (n, K + 1, 2 s, 2 s), index 0 is the background's and unused, as
            torchvision's; edge logits (n, 1, 2 s, 2 s), or None where edges are not learned.
            float32 (float64 of float64).
        """
        masks = self.mask_head(features)
        if self.channel_attention is not None:
            masks = torch.cat([masks, self.channel_attention(features)], 1)
        masks = self.mask_upsampling(masks)
        edge_logits: Tensor | None = None
        if self.edge_attention is not None:
            edges = self.edge_attention(features)
            masks = torch.cat([masks, edges], 1) if self.concatenates else masks + edges
            if self.edge_predictor is not None:
                edge_logits = at_least_float32(self.edge_predictor(edges))
        return at_least_float32(self.mask_predictor(masks)), edge_logits

    def plain_keys(self) -> dict[str, str]:
        """Parameters that Mask R-CNN's mask branch has too, at the same place and of the same size
        (but for the number of classes): ours -> torchvision's, below its `roi_heads.`."""
        keys = {f"mask_head.{i}.0": f"mask_head.{i}.0" for i in range(CONVOLUTIONS)}
        if self.channel_attention is None:
            keys["mask_upsampling.0"] = "mask_predictor.conv5_mask"
        if self.edge_attention is None or not self.concatenates:
            keys["mask_predictor"] = "mask_predictor.mask_fcn_logits"
        return {
            f"{ours}.{kind}": f"{theirs}.{kind}"
            for ours, theirs in keys.items()
            for kind in ("weight", "bias")
        }


class ChannelAttention(nn.Module):
    """Two 5x5 convolutions, whose means over the proposal weigh the channels of what came in
    (fig. 3a): a squeeze-and-excitation block that looks further around."""

    def __init__(self, channels: int, reduction: int = 16) -> None:
        """Inside, `channels` is divided by `reduction`."""
        super().__init__()
        self.context = nn.Sequential(
            convolution(channels, channels, 5), convolution(channels, channels, 5)
        )
        self.squeeze = nn.Linear(channels, channels // reduction)
        self.excite = nn.Linear(channels // reduction, channels)

    def forward(self, features: Tensor) -> Tensor:
        """(n, channels, h, w) -> the same shape, every channel times a weight in (0, 1)."""
        means = self.context(features).mean((2, 3))
        weights = self.excite(self.squeeze(means).relu()).sigmoid()
        return features * weights[:, :, None, None]


class PositionAttention(nn.Module):
    """Every cell gathers from all cells that are like it (DANet, sec. 3.2); nothing at first."""

    def __init__(self, channels: int, reduction: int = POSITION_REDUCTION) -> None:
        """Queries and keys have `channels` divided by `reduction`."""
        super().__init__()
        self.query = nn.Conv2d(channels, channels // reduction, 1)
        self.key = nn.Conv2d(channels, channels // reduction, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, features: Tensor) -> Tensor:
        """(n, channels, h, w) -> the same shape: gamma times what was gathered is added."""
        query, key, value = (
            layer(features).flatten(2) for layer in (self.query, self.key, self.value)
        )
        # (n, cells that look, cells that are looked at)
        attention = (query.transpose(1, 2) @ key).softmax(-1)
        gathered = value @ attention.transpose(1, 2).to(value.dtype)
        return self.gamma * gathered.reshape(features.shape) + features


class EdgeAttention(nn.Sequential):
    """Position attention, four convolutions, upsampling (fig. 3b):
    (n, channels, h, w) -> (n, channels, 2 h, 2 w)."""

    def __init__(self, channels: int) -> None:
        super().__init__(
            PositionAttention(channels),
            convolution_stack(channels, CONVOLUTIONS),
            upsampling(channels, channels),
        )


def upsampling(channels_in: int, channels: int) -> nn.Sequential:
    """Twice as fine: torchvision's transposed convolution and ReLU."""
    return nn.Sequential(
        _started(nn.ConvTranspose2d(channels_in, channels, 2, 2)), nn.ReLU(inplace=True)
    )


def _started(layer: nn.Conv2d | nn.ConvTranspose2d) -> nn.Conv2d | nn.ConvTranspose2d:
    """The layer with weights drawn as in torchvision's mask predictor."""
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return layer
