"""3x3 convolution by minimal filtering: definition, weight, wrapper, plain version and fake.

F(4x4, 3x3): 36 products make a tile of 4x4 output pixels in place of 144. For prediction in float32
on a CPU.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from lib.ops.winograd.minimal_filtering import (
    FILTER_4,
    LANES,
    factors_of_taps,
    taps_of_factors,
)

torch.library.define(
    "e2ec::winograd_conv2d",
    "(Tensor input, Tensor weight, Tensor? bias, Tensor? residual, int out_channels, bool relu)"
    " -> Tensor",
)


def winograd_conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *,
    out_channels: int,
    residual: Tensor | None = None,
    relu: bool = False,
) -> Tensor:
    """`conv2d(input, ..., padding=1)` of a 3x3 weight [+ residual] [and ReLU]; not differentiable.

    Args:
        input: (B, C, H, W) float32; C is a multiple of 16.
        weight: (36, C, out_channels or a little more) from `winograd_weight`.
        bias: (out_channels,) float32.
        out_channels: channels of the output.
        residual: (B, out_channels, H, W) float32, added.
        relu: set negative values to zero, in the end.

    Returns:
        (B, out_channels, H, W) float32, channels last.

    Raises:
        RuntimeError: the tensors do not fit each other.
    """
    return torch.ops.e2ec.winograd_conv2d(input, weight, bias, residual, out_channels, relu)


def winograd_weight(weight: Tensor) -> Tensor:
    """A 3x3 weight, (out, C, 3, 3), as `winograd_conv2d` takes it: (36, C, out).

    The output channels are filled up with zeros to a multiple of 16.
    """
    factors = factors_of_taps(FILTER_4, FILTER_4, weight)
    return F.pad(factors, (0, -len(weight) % LANES))


def plain_winograd_conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    residual: Tensor | None,
    out_channels: int,
    relu: bool,
) -> Tensor:
    """The same in plain PyTorch: the convolution itself."""
    taps = taps_of_factors(FILTER_4, FILTER_4, weight)[:out_channels]
    # One pixel more than is needed around it: conv2d refuses images smaller than its taps.
    output = F.conv2d(F.pad(input, (2, 2, 2, 2)), taps, bias)[:, :, 1:-1, 1:-1]
    if residual is not None:
        output = output + residual
    output = output.relu() if relu else output
    return output.contiguous(memory_format=torch.channels_last)


torch.library.impl("e2ec::winograd_conv2d", "default", plain_winograd_conv2d)


@torch.library.register_fake("e2ec::winograd_conv2d")
def _fake(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    residual: Tensor | None,
    out_channels: int,
    relu: bool,
) -> Tensor:
    size = (input.shape[0], out_channels, *input.shape[2:])
    return input.new_empty(size).contiguous(memory_format=torch.channels_last)
