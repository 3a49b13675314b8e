"""A snake's block by minimal filtering: definition, weight, wrapper, plain version and fake.

A circular convolution of nine taps, ReLU, normalisation and residual in one. The nine taps are a
3x3 filter: twelve vertices are a tile of 4x3 that takes 30 products in place of 108. For prediction
in float32 on a CPU.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from lib.ops.winograd.minimal_filtering import (
    FILTER_3,
    FILTER_4,
    LANES,
    factors_of_taps,
    taps_of_factors,
)

TAPS = 9

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
    return factors_of_taps(FILTER_4, FILTER_3, taps)


def plain_winograd_snake_block(
    input: Tensor, weight: Tensor, line: Tensor, dilation: int, residual: bool, output: Tensor
) -> None:
    """The same in plain PyTorch: every vertex with those that its taps reach."""
    vertices = input.shape[1]
    dilation = dilation % vertices if vertices else 1  # products with larger ones could overflow
    reached = torch.arange(vertices)[:, None] + (torch.arange(TAPS) - TAPS // 2) * dilation
    taps = taps_of_factors(FILTER_4, FILTER_3, weight).flatten(2)
    values = torch.einsum("nvtc,oct->nvo", input[:, reached % max(vertices, 1)], taps)
    bias, factor, summand = line
    output.copy_((values + bias).relu() * factor + summand)
    if residual:
        output += input


torch.library.impl("e2ec::winograd_snake_block", "default", plain_winograd_snake_block)

torch.library.register_fake("e2ec::winograd_snake_block", lambda *arguments: None)
