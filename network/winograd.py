"""3x3 convolutions with a quarter of the products, for prediction in float32 on a CPU."""

from __future__ import annotations

from torch import Tensor, nn

from lib.ops import winograd_conv2d, winograd_weight
from lib.ops.library import LIBRARY_PATH

CHANNELS_IN = 16
"""The operator takes channels in groups of so many."""
FEWEST_PRODUCTS, MOST_PRODUCTS = 32 * 27, 256 * 256
"""Of the channels. Thinner ones are bound by memory, not by products; of wider ones the weight,
four times as large, has to be fetched for too few pixels."""


class WinogradConv2d(nn.Conv2d):
    """A 3x3 convolution of stride 1 and padding 1 that keeps its weight in both forms."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__(conv.in_channels, conv.out_channels, 3, padding=1, bias=False)
        self.weight, self.bias = conv.weight, conv.bias
        self.register_buffer("factors", winograd_weight(conv.weight), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels_in, H, W) float32 -> (B, channels_out, H, W), channels last."""
        return winograd_conv2d(x, self.factors, self.bias, out_channels=self.out_channels)


def use_winograd(network: nn.Module) -> None:
    """Exchange, in place, the convolutions of a network for which it pays; it is for a CPU then.

    Nothing happens where the operators are not compiled: their plain versions are slower.
    """
    if not LIBRARY_PATH.exists():
        return
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if type(child) is nn.Conv2d and pays(child):
                setattr(parent, name, WinogradConv2d(child))


def pays(conv: nn.Conv2d) -> bool:
    """Whether the operator computes this convolution, and faster than `conv2d`, as measured."""
    plain = (conv.kernel_size, conv.stride, conv.padding, conv.dilation, conv.groups)
    return (
        plain == ((3, 3), (1, 1), (1, 1), (1, 1), 1)
        and conv.in_channels % CHANNELS_IN == 0
        and FEWEST_PRODUCTS <= conv.in_channels * conv.out_channels <= MOST_PRODUCTS
    )
