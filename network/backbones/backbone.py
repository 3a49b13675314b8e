"""What a network asks of its backbone."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class MapSizes(Protocol):
    """The maps that a backbone gives, finest first."""

    @property
    def channels(self) -> tuple[int, ...]:
        """Of every map."""
        ...

    @property
    def strides(self) -> tuple[int, ...]:
        """Input pixels a cell, of every map."""
        ...


class Backbone(MapSizes, Protocol):
    """An image encoder; an `nn.Module`."""

    def __call__(self, images: Tensor, /) -> list[Tensor]:
        """(B, 3, H, W), sides multiples of the last stride -> the maps, (B, channels, H/stride,
        W/stride) each."""
        ...
