"""Deformable convolution on CUDA devices: launches `triton_forward` and `triton_backward`.

What the kernels do not know (float64, empty tensors, more pixels than int32 counts) goes to the
reference. Results of the backward differ in the last bits from run to run, since the gradient of
the input is summed by atomic additions; under `torch.use_deterministic_algorithms` the reference
runs instead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lib.ops.deform import reference, triton_backward, triton_forward

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
    stride: list[int],
    padding: list[int],
    dilation: list[int],
) -> Tensor:
    """See `lib.ops.deform.deform_conv2d`; the same as `reference.deform_conv2d`."""
    if not _supported(input, offset, weight):
        return reference.deform_conv2d(input, offset, weight, bias, mask, stride, padding, dilation)
    shape = _Shape.of(input, offset, weight, stride, padding, dilation)
    output = torch.empty(
        (input.shape[0], weight.shape[0], *offset.shape[2:]),
        dtype=input.dtype,
        device=input.device,
        memory_format=reference.layout_like(input),
    )
    block_p, block_o = 64, _block(shape.group_outputs, 128)
    while shape.programs(block_p, block_o) < _PROGRAMS and max(block_p, block_o) > 32:
        block_p, block_o = (block_p, block_o // 2) if block_o > block_p else (block_p // 2, block_o)
    grid = (
        math.ceil(shape.total / block_p),
        math.ceil(shape.group_outputs / block_o),
        shape.weight_groups,
    )
    with torch.cuda.device_of(input):
        triton_forward.forward[grid](
            _channels_innermost(input),
            offset.contiguous(),
            None if mask is None else mask.contiguous(),
            weight.flatten(2).permute(2, 1, 0).contiguous(),
            None if bias is None else bias.contiguous(),
            output,
            *(output.stride(axis) for axis in (0, 1, 3)),
            *shape.arguments(),
            **_options(shape, input.dtype, block_p, block_o),
        )
    return output


def deform_conv2d_backward(
    grad: Tensor,
    input: Tensor,
    offset: Tensor,
    weight: Tensor,
    mask: Tensor | None,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of input, offset, weight and mask (empty without a mask)."""
    deterministic = torch.are_deterministic_algorithms_enabled()
    if deterministic or not _supported(input, offset, weight):
        return reference.deform_conv2d_backward(
            grad, input, offset, weight, mask, stride, padding, dilation
        )
    shape = _Shape.of(input, offset, weight, stride, padding, dilation)
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
        grad_weight = _weight_gradient(shape, sampled, weight)
        block_p, block_o = 64, _block(shape.group_outputs, 64)
        grid = (math.ceil(shape.total / block_p), shape.taps, shape.offset_groups)
        triton_backward.backward_samples[grid](
            *sampled,
            weight.flatten(2).permute(2, 0, 1).contiguous(),
            grad_input,
            grad_offset,
            grad_mask,
            *shape.arguments(),
            **_options(shape, input.dtype, block_p, block_o),
        )
    grad_input = grad_input.to(input.dtype, memory_format=reference.layout_like(input))
    return grad_input, grad_offset, grad_weight, grad_mask


def _supported(input: Tensor, offset: Tensor, weight: Tensor) -> bool:
    """Whether the kernels can do it; all shapes, groups, strides and dilations are theirs."""
    pixels = offset.shape[0] * offset.shape[2] * offset.shape[3]
    small = max(pixels, weight.numel()) <= _MOST
    return small and input.dtype in _TYPES and input.numel() > 0


def _weight_gradient(
    shape: _Shape, sampled: tuple[Tensor, Tensor, Tensor, Tensor | None], weight: Tensor
) -> Tensor:
    """As `weight`, from (grad, input, offset, mask); summed in parts if it is small."""
    block_p, block_o = 64, _block(shape.group_outputs, 64)
    options = _options(shape, weight.dtype, block_p, block_o)
    blocks = math.ceil(shape.segment / options["BLOCK_C"]) * (shape.channels // shape.segment)
    blocks *= math.ceil(shape.group_outputs / block_o)
    pixel_blocks = math.ceil(shape.total / block_p)
    parts = max(1, min(_PROGRAMS // (blocks * shape.taps), pixel_blocks))
    grad_weight = torch.empty(
        (parts, shape.taps, shape.group_channels, shape.outputs),
        dtype=torch.float32,
        device=weight.device,
    )
    grid = (blocks, shape.taps, parts)
    triton_backward.backward_weight[grid](*sampled, grad_weight, *shape.arguments(), **options)
    grad_weight = grad_weight.sum(0).permute(2, 1, 0).to(weight.dtype)
    return grad_weight.reshape(weight.shape).contiguous()


@dataclass(frozen=True)
class _Shape:
    """The sizes of one convolution, in the order in which the kernels take them."""

    total: int
    height: int
    width: int
    channels: int
    outputs: int
    out_width: int
    out_pixels: int
    taps: int
    kernel_width: int
    group_channels: int
    group_outputs: int
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
    ) -> _Shape:
        """From the arguments of the operator."""
        batch, channels, height, width = input.shape
        outputs, group_channels, kernel_height, kernel_width = weight.shape
        out_height, out_width = offset.shape[2:]
        taps = kernel_height * kernel_width
        return cls(
            total=batch * out_height * out_width,
            height=height,
            width=width,
            channels=channels,
            outputs=outputs,
            out_width=out_width,
            out_pixels=out_height * out_width,
            taps=taps,
            kernel_width=kernel_width,
            group_channels=group_channels,
            group_outputs=outputs // (channels // group_channels),
            offset_groups=offset.shape[1] // (2 * taps),
            stride=(stride[0], stride[1]),
            padding=(padding[0], padding[1]),
            dilation=(dilation[0], dilation[1]),
        )

    @property
    def weight_groups(self) -> int:
        return self.channels // self.group_channels

    @property
    def segment(self) -> int:
        """Channels that share a weight group and an offset group, see `triton_sampling`."""
        return math.gcd(self.group_channels, self.channels // self.offset_groups)

    def programs(self, block_p: int, block_o: int) -> int:
        """Programs of a forward launch with these blocks."""
        pixel_blocks = math.ceil(self.total / block_p)
        return pixel_blocks * math.ceil(self.group_outputs / block_o) * self.weight_groups

    def arguments(self) -> tuple[int, ...]:
        """`total` to `dilation_x` of a kernel."""
        return (
            self.total,
            self.height,
            self.width,
            self.channels,
            self.outputs,
            self.out_width,
            self.out_pixels,
            self.taps,
            self.kernel_width,
            self.group_channels,
            self.group_outputs,
            self.offset_groups,
            *self.stride,
            *self.padding,
            *self.dilation,
        )


def _options(shape: _Shape, dtype: torch.dtype, block_p: int, block_o: int) -> dict[str, Any]:
    """The compile-time arguments of a kernel. Float32 products follow torch's switch for TF32."""
    return {
        "SEGMENT": shape.segment,
        "PRECISION": "tf32" if dtype == torch.float32 and _tf32_allowed() else "ieee",
        "BLOCK_P": block_p,
        "BLOCK_C": _block(shape.segment, 32),
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
