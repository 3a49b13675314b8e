"""A snake's block by minimal filtering: definition, weight, wrapper, plain version and fake.

A circular convolution of nine taps, ReLU, normalisation and residual in one. The nine taps are a
3x3 filter: twelve vertices are a tile of 4x3 that takes 30 products in place of 108. For prediction
in float32 on a CPU.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from lib.ops.winograd.minimal_filtering import (
    FILTER_3,
    FILTER_4,
    LANES,
    factors_of_weight,
    filter_tiles,
)

TAPS = 9
TILE = 12

torch.library.define(
    "e2ec::winograd_snake_block",
    "(Tensor input, Tensor weight, Tensor line, int dilation, bool residual, Tensor(a!) output)"
    " -> ()",
)


def winograd_snake_block(
    input: Tensor, weight: Tensor, line: Tensor, output: Tensor, *, dilation: int, residual: bool
) -> None:
    """`output` becomes relu(circular convolution + bias) * factor + summand [+ input].

    Not differentiable.

    Args:
        input: (n, N, C) float32, a row of channels for every vertex; C is a multiple of 16.
        weight: (30, C, out) from `snake_block_weight`.
        line: (3, out) float32: bias, factor and summand of every channel.
        output: (n, N, out) float32, overwritten; it does not overlap the input.
        dilation: vertices from one tap to the next.
        residual: add the input.

    Raises:
        RuntimeError: the tensors do not fit each other.
    """
    torch.ops.e2ec.winograd_snake_block(input, weight, line, dilation, residual, output)


def snake_block_weight(weight: Tensor) -> Tensor:
    """The weight of a convolution with nine taps, (out, C, 9), as the block takes it: (30, C, out).

    The input channels are filled up with zeros to a multiple of 16.
    """
    taps = F.pad(weight, (0, 0, 0, -weight.shape[1] % LANES)).unflatten(2, (3, 3))
    return factors_of_weight(FILTER_4, FILTER_3, taps)


def plain_winograd_snake_block(
    input: Tensor, weight: Tensor, line: Tensor, dilation: int, residual: bool, output: Tensor
) -> None:
    """The same in plain PyTorch, all tiles at once."""
    vertices = input.shape[1]
    # Vertices a dilation apart form closed sequences; tiles lie along each.
    dilation = dilation % vertices if vertices else 1  # products with larger ones could overflow
    cycles = math.gcd(dilation, vertices)
    length = vertices // cycles
    first = torch.arange(0, length, TILE)[:, None]
    row, column = torch.arange(6)[:, None], torch.arange(5)
    reads = (first + (3 * row + column).flatten() - TAPS // 2) % length  # (tiles, 30)
    cycle = torch.arange(cycles)[:, None, None]
    vertex = (cycle + reads * dilation) % vertices  # (cycles, tiles, 30)
    tiles = input[:, vertex.to(input.device)].unflatten(3, (6, 5)).movedim(-1, 3)
    values = filter_tiles(FILTER_4, FILTER_3, tiles, weight).flatten(-2)
    values = values.movedim(3, -1).flatten(2, 3)[:, :, :length]  # (n, cycles, length, out)
    places = (torch.arange(cycles)[:, None] + torch.arange(length) * dilation) % vertices
    bias, factor, summand = line
    result = (values + bias).relu() * factor + summand
    output[:, places.flatten().to(input.device)] = result.flatten(1, 2)
    if residual:
        output += input


torch.library.impl("e2ec::winograd_snake_block", "default", plain_winograd_snake_block)


@torch.library.register_fake("e2ec::winograd_snake_block")
def _fake(
    input: Tensor, weight: Tensor, line: Tensor, dilation: int, residual: bool, output: Tensor
) -> None:
    return None
