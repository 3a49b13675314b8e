"""The sizes of one deformable convolution, read from its tensors in one place."""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor


class Geometry(NamedTuple):
    """Sizes as the kernels take them; pairs are y, x. A Triton kernel reads the fields alone."""

    total: int
    """Output pixels of the whole batch."""
    height: int
    width: int
    channels: int
    outputs: int
    out_height: int
    out_width: int
    out_pixels: int
    """Of one image."""
    taps: int
    kernel_width: int
    group_channels: int
    """Input channels of one weight group."""
    group_outputs: int
    """Output channels of one weight group."""
    offset_groups: int
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]

    @classmethod
    def of(
        cls,
        input: Tensor,
        offset: Tensor,
        weight: Tensor,
        stride: list[int],
        padding: list[int],
        dilation: list[int],
    ) -> Geometry:
        """From the operator's arguments; the size of the output from all but the offset's."""
        batch, channels, *extent = input.shape
        outputs, group_channels, *kernel = weight.shape
        out_height, out_width = (
            (extent[i] + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1) // stride[i] + 1
            for i in (0, 1)
        )
        taps = kernel[0] * kernel[1]
        return cls(
            total=batch * out_height * out_width,
            height=extent[0],
            width=extent[1],
            channels=channels,
            outputs=outputs,
            out_height=out_height,
            out_width=out_width,
            out_pixels=out_height * out_width,
            taps=taps,
            kernel_width=kernel[1],
            group_channels=group_channels,
            group_outputs=outputs * group_channels // channels,
            offset_groups=offset.shape[1] // (2 * taps),
            stride=(stride[0], stride[1]),
            padding=(padding[0], padding[1]),
            dilation=(dilation[0], dilation[1]),
        )

    @property
    def weight_groups(self) -> int:
        """How many groups of channels are convolved apart."""
        return self.channels // self.group_channels

    @property
    def segment(self) -> int:
        """The longest run of channels that share a weight group and an offset group wherever it
        starts."""
        return math.gcd(self.group_channels, self.channels // self.offset_groups)
