"""3x3 convolution by minimal filtering: definition, plain version, weight, wrapper and fake.

F(4x4, 3x3) of Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (CVPR 2016): 36
products make a tile of 4x4 output pixels in place of 144. For prediction in float32 on a CPU.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

LANES = 16
"""Channels come in groups of so many."""

# Besides zero and infinity; sqrt(1/2) and sqrt(2) lose fewer digits than the usual 1 and 2.
_A, _B = 0.5**0.5, 2.0**0.5

torch.library.define(
    "e2ec::winograd_conv2d",
    "(Tensor input, Tensor weight, Tensor? bias, int out_channels, bool relu) -> Tensor",
)


def winograd_conv2d(
    input: Tensor, weight: Tensor, bias: Tensor | None, *, out_channels: int, relu: bool = False
) -> Tensor:
    """`conv2d(input, ..., padding=1)` of a 3x3 weight, with a ReLU on request; not differentiable.

    Args:
        input: (B, C, H, W) float32; C is a multiple of 16.
        weight: (36, C, out_channels or a little more) from `winograd_weight`.
        bias: (out_channels,) float32.
        out_channels: channels of the output.
        relu: set negative values to zero.

    Returns:
        (B, out_channels, H, W) float32, channels last.

    Raises:
        RuntimeError: the tensors do not fit each other.
    """
    return torch.ops.e2ec.winograd_conv2d(input, weight, bias, out_channels, relu)


def winograd_weight(weight: Tensor) -> Tensor:
    """A 3x3 weight, (out, C, 3, 3), as `winograd_conv2d` takes it: (36, C, out).

    Worked out in float64; the output channels are filled up with zeros to a multiple of 16.
    """
    lines = [[1 / (_A * _B) ** 2, 0.0, 0.0]]
    for point, other in ((_A, _B), (-_A, _B), (_B, _A), (-_B, _A)):
        scale = 2 * point**2 * (point**2 - other**2)
        lines.append([1 / scale, point / scale, point**2 / scale])
    lines.append([0.0, 0.0, 1.0])
    matrix = torch.tensor(lines, dtype=torch.float64)
    products = torch.einsum("ik,ockl,jl->ijco", matrix, weight.detach().cpu().double(), matrix)
    filled = F.pad(products.flatten(0, 1), (0, -weight.shape[0] % LANES))
    return filled.to(weight).contiguous()


def plain_winograd_conv2d(
    input: Tensor, weight: Tensor, bias: Tensor | None, out_channels: int, relu: bool
) -> Tensor:
    """The same in plain PyTorch, all tiles at once."""
    height, width = input.shape[2:]
    a2, b2 = _A**2, _B**2
    to_factors = input.new_tensor(
        [
            [a2 * b2, 0, -(a2 + b2), 0, 1, 0],
            [0, -_A * b2, -b2, _A, 1, 0],
            [0, _A * b2, -b2, -_A, 1, 0],
            [0, -_B * a2, -a2, _B, 1, 0],
            [0, _B * a2, -a2, -_B, 1, 0],
            [0, a2 * b2, 0, -(a2 + b2), 0, 1],
        ]
    )
    points = input.new_tensor([_A, -_A, _B, -_B])
    to_values = torch.zeros_like(to_factors[:4])
    to_values[0, 0] = to_values[3, 5] = 1
    to_values[:, 1:5] = points ** torch.arange(4)[:, None].to(points)
    tiles = F.pad(input, (1, 1 + -width % 4, 1, 1 + -height % 4)).unfold(2, 6, 4).unfold(3, 6, 4)
    factors = torch.einsum("ik,bcyxkl,jl->byxijc", to_factors, tiles, to_factors)
    products = torch.einsum("byxijc,ijco->byxijo", factors, weight.unflatten(0, (6, 6)))
    values = torch.einsum("ki,byxijo,lj->boykxl", to_values, products, to_values)
    output = values.flatten(4, 5).flatten(2, 3)[:, :out_channels, :height, :width]
    if bias is not None:
        output = output + bias[:, None, None]
    output = output.relu() if relu else output
    return output.contiguous(memory_format=torch.channels_last)


torch.library.impl("e2ec::winograd_conv2d", "default", plain_winograd_conv2d)


@torch.library.register_fake("e2ec::winograd_conv2d")
def _fake(
    input: Tensor, weight: Tensor, bias: Tensor | None, out_channels: int, relu: bool
) -> Tensor:
    size = (input.shape[0], out_channels, *input.shape[2:])
    return input.new_empty(size).contiguous(memory_format=torch.channels_last)
