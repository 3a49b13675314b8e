"""Random deformable convolutions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Case:
    """One deformable convolution with random tensors."""

    batch: int = 2
    channels: int = 6
    out_channels: int = 4
    size: tuple[int, int] = (9, 8)
    kernel: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    offset_groups: int = 1
    mask: bool = True
    bias: bool = True
    dtype: torch.dtype = torch.float64
    position_dtype: torch.dtype | None = None
    """Of offset and mask, where it is another."""
    reach: float = 3
    """Standard deviation of the offsets."""

    @property
    def sizes(self) -> list[list[int]]:
        """Stride, padding and dilation as the operator takes them."""
        return [list(self.stride), list(self.padding), list(self.dilation)]

    def tensors(self, requires_grad: bool = False) -> list[Tensor | None]:
        """input, offset, weight, bias, mask; some positions fall on pixels and far outside."""
        generator = torch.Generator().manual_seed(0)

        def random(*shape: int) -> Tensor:
            values = torch.randn(*shape, generator=generator, dtype=torch.float64)
            return values.to(self.dtype)

        extent = [
            (self.size[i] + 2 * self.padding[i] - self.dilation[i] * (self.kernel[i] - 1) - 1)
            // self.stride[i]
            + 1
            for i in (0, 1)
        ]
        taps = math.prod(self.kernel) * self.offset_groups
        position_dtype = self.position_dtype or self.dtype
        tensors = [
            random(self.batch, self.channels, *self.size),
            (random(self.batch, 2 * taps, *extent) * self.reach).to(position_dtype),
            random(self.out_channels, self.channels // self.groups, *self.kernel),
            random(self.out_channels) if self.bias else None,
            random(self.batch, taps, *extent).to(position_dtype) if self.mask else None,
        ]
        return [
            None if tensor is None else tensor.requires_grad_(requires_grad) for tensor in tensors
        ]
