"""Convolutions of the heads, as torchvision's mask head has them: same start, same names."""

from __future__ import annotations

from torch import nn


def convolution(channels_in: int, channels: int, size: int) -> nn.Sequential:
    """An odd convolution that keeps the size of the map, and ReLU; as torchvision's heads start."""
    layer = nn.Conv2d(channels_in, channels, size, padding=size // 2)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return nn.Sequential(layer, nn.ReLU(inplace=True))


def convolution_stack(channels: int, count: int) -> nn.Sequential:
    """`count` 3x3 convolutions with ReLU; parameters are named as in torchvision's mask head."""
    return nn.Sequential(*(convolution(channels, channels, 3) for _ in range(count)))
