"""Deformable convolution on CUDA devices: launches `triton_kernels`.

What the kernels do not know (float64, empty tensors, more pixels than int32 counts) goes to the
reference. Results of the backward differ in the last bits from run to run, since the gradient of
the input is summed by atomic additions; under `torch.use_deterministic_algorithms` the reference
runs instead.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from lib.ops.deform import reference, triton_kernels
from lib.ops.deform.geometry import Geometry

_TYPES = (torch.float32, torch.float16, torch.bfloat16)
# Blocks are cut smaller until a launch has this many programs: about two for each multiprocessor of
# a large GPU.
_PROGRAMS = 256
_SMALLEST_BLOCK = 16  # of a product on tensor cores
_MOST = 2**31 - 128  # pixels, or elements of the weight; with room for the last block


def deform_conv2d(
    input: Tensor,
    offset: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    mask: Tensor | None,
    *sizes: list[int],
) -> Tensor:
    """See `lib.ops.deform.deform_conv2d`; the same as `reference.deform_conv2d`."""
    if not _supported(input, offset, weight):
        return reference.deform_conv2d(input, offset, weight, bias, mask, *sizes)
    g = Geometry.of(input, offset, weight, *sizes)
    output = reference.new_output(input, offset, weight)
    block_p, block_o = 64, _block(g.group_outputs, 128)
    grid = _forward_grid(g, block_p, block_o)
    while math.prod(grid) < _PROGRAMS and max(block_p, block_o) > 32:
        block_p, block_o = (block_p, block_o // 2) if block_o > block_p else (block_p // 2, block_o)
        grid = _forward_grid(g, block_p, block_o)
    with torch.cuda.device_of(input):
        triton_kernels.forward[grid](
            _channels_innermost(input),
            offset.contiguous(),
            None if mask is None else mask.contiguous(),
            weight.flatten(2).permute(2, 1, 0).contiguous(),
            None if bias is None else bias.contiguous(),
            output,
            tuple(output.stride(axis) for axis in (0, 1, 3)),
            g,
            **_options(g, input.dtype, block_p, block_o),
        )
    return output


def deform_conv2d_backward(
    grad: Tensor,
    input: Tensor,
    offset: Tensor,
    weight: Tensor,
    mask: Tensor | None,
    *sizes: list[int],
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of input, offset, weight and mask (empty without a mask)."""
    deterministic = torch.are_deterministic_algorithms_enabled()
    if deterministic or not _supported(input, offset, weight):
        return reference.deform_conv2d_backward(grad, input, offset, weight, mask, *sizes)
    g = Geometry.of(input, offset, weight, *sizes)
    sampled = (
        _channels_innermost(grad.to(input.dtype)),
        _channels_innermost(input),
        offset.contiguous(),
        None if mask is None else mask.contiguous(),
    )
    grad_input = torch.zeros_like(input, dtype=torch.float32, memory_format=torch.channels_last)
    grad_offset = offset.new_empty(offset.shape)  # of its own type: maybe wider than the input's
    grad_mask = input.new_empty(0) if mask is None else mask.new_empty(mask.shape)
    with torch.cuda.device_of(input):
        grad_weight = _weight_gradient(g, sampled, weight)
        block_p, block_o = 64, _block(g.group_outputs, 64)
        grid = (math.ceil(g.total / block_p), g.taps, g.offset_groups)
        triton_kernels.backward_samples[grid](
            *sampled,
            weight.flatten(2).permute(2, 0, 1).contiguous(),
            grad_input,
            grad_offset,
            grad_mask,
            g,
            **_options(g, input.dtype, block_p, block_o),
        )
    grad_input = grad_input.to(input.dtype, memory_format=reference.layout_like(input))
    return grad_input, grad_offset, grad_weight, grad_mask


def _supported(input: Tensor, offset: Tensor, weight: Tensor) -> bool:
    """Whether the kernels can do it; all shapes, groups, strides and dilations are theirs."""
    pixels = offset.shape[0] * offset.shape[2] * offset.shape[3]
    small = max(pixels, weight.numel()) <= _MOST
    return small and input.dtype in _TYPES and input.numel() > 0


def _forward_grid(g: Geometry, block_p: int, block_o: int) -> tuple[int, int, int]:
    return math.ceil(g.total / block_p), math.ceil(g.group_outputs / block_o), g.weight_groups


def _weight_gradient(
    g: Geometry, sampled: tuple[Tensor, Tensor, Tensor, Tensor | None], weight: Tensor
) -> Tensor:
    """As `weight`, from (grad, input, offset, mask); summed in parts if it is small."""
    block_p, block_o = 64, _block(g.group_outputs, 64)
    options = _options(g, weight.dtype, block_p, block_o)
    blocks = math.ceil(g.segment / options["BLOCK_C"]) * (g.channels // g.segment)
    blocks *= math.ceil(g.group_outputs / block_o)
    pixel_blocks = math.ceil(g.total / block_p)
    parts = max(1, min(_PROGRAMS // (blocks * g.taps), pixel_blocks))
    shape = (parts, g.taps, g.group_channels, g.outputs)
    grad_weight = torch.empty(shape, dtype=torch.float32, device=weight.device)
    triton_kernels.backward_weight[(blocks, g.taps, parts)](*sampled, grad_weight, g, **options)
    grad_weight = grad_weight.sum(0).permute(2, 1, 0).to(weight.dtype)
    return grad_weight.reshape(weight.shape).contiguous()


def _options(g: Geometry, dtype: torch.dtype, block_p: int, block_o: int) -> dict[str, Any]:
    """The compile-time arguments of a kernel. Float32 products follow torch's switch for TF32."""
    return {
        "SEGMENT": g.segment,
        "PRECISION": "tf32" if dtype == torch.float32 and _tf32_allowed() else "ieee",
        "BLOCK_P": block_p,
        "BLOCK_C": _block(g.segment, 32),
        "BLOCK_O": block_o,
        "num_warps": 8 if block_p * block_o > 64 * 64 else 4,
        # Three stages in float32 would need more shared memory than a GeForce has (99 KiB).
        "num_stages": 2 if dtype == torch.float32 else 3,
    }


def _tf32_allowed() -> bool:
    """Whether torch multiplies float32 matrices in TF32; off unless its user asked for it."""
    matmul = torch.backends.cuda.matmul
    try:
        return matmul.fp32_precision == "tf32"  # says it whichever way it was set
    except AttributeError:  # torch < 2.9, where matmul refuses names that it does not know
        return matmul.allow_tf32


def _block(size: int, largest: int) -> int:
    """The power of two that holds `size`, within what a block may be."""
    return min(max(_SMALLEST_BLOCK, 1 << (size - 1).bit_length()), largest)


def _channels_innermost(tensor: Tensor) -> Tensor:
    """In memory (B, H, W, C); free for channels_last tensors."""
    return tensor.contiguous(memory_format=torch.channels_last)
