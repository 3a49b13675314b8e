"""What a network asks of its backbone."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Backbone(Protocol):
    """An image encoder; an `nn.Module`. Its maps are given finest first."""

    channels: tuple[int, ...]
    """Of every map."""
    strides: tuple[int, ...]
    """Input pixels a cell, of every map."""

    def __call__(self, images: Tensor, /) -> list[Tensor]:
        """(B, 3, H, W), sides multiples of the last stride -> the maps, (B, channels, H/stride,
        W/stride) each."""
        ...
