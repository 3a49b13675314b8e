"""Fewer bits for the convolutions; logits and coordinates keep all of theirs."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from network.contour.e2ec import E2EC
from network.contour.neck import ModulatedDeformConv
from network.layers.heads import DenseHead
from network.layers.precision import full_precision

LOWERED = (nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d, ModulatedDeformConv)


def lower_precision(network: E2EC, dtype: torch.dtype) -> None:
    """Convert the weights of convolutions to what autocast computes in, in place and once.

    What computes coordinates and logits, or reads coordinates (a snake's first block), stays as it
    is. The heat map needs a `FullPrecisionHead` then.
    """
    parts: list[nn.Module] = [
        network.backbone,
        network.neck,
        network.heatmap[0],
        *(part for snake in network.refinement.snakes for part in list(snake.children())[1:]),
    ]
    if network.global_deformation is not None:
        parts.append(network.global_deformation.trans_feature)
    if network.sharp is not None:
        # It is made on demand, where nobody asks for autocast any more.
        parts.append(network.sharp.classifier.fine)
    for part in parts:
        for module in part.modules():
            if isinstance(module, LOWERED):
                module.to(dtype)


class FullPrecisionHead(DenseHead):
    """A dense head whose last layer autocast does not lower.

    Neighbours around a peak differ by less than bfloat16 tells apart; they would all be peaks.
    """

    def __init__(self, head: DenseHead) -> None:
        """With the layers of `head`."""
        nn.Sequential.__init__(self, *head)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels_in, H, W) -> (B, channels_out, H, W), of the type of the last layer."""
        *first, last = self
        for layer in first:
            x = layer(x)
        assert isinstance(last, nn.Conv2d)
        with full_precision(x.device):
            # A 1x1 convolution of a map that lies channels last is one matrix product.
            x = x.permute(0, 2, 3, 1).to(last.weight.dtype)
            return F.linear(x, last.weight.flatten(1), last.bias).permute(0, 3, 1, 2)
