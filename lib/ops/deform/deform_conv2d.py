"""Deformable convolution (DCN v1 and v2): definition, wrapper, fake and autograd registrations.

Dai et al., "Deformable Convolutional Networks" (2017), and Zhu et al., "Deformable ConvNets v2"
(2019). Pixel (row 0, column 0) of the input is sampled at y = 0, x = 0; positions between pixels
are bilinear, and each of the four corners that lies outside the input counts as zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from lib.ops.deform import reference
from lib.ops.deform.geometry import Geometry

_SIZES = "int[2] stride, int[2] padding, int[2] dilation"
torch.library.define(
    "e2ec::deform_conv2d",
    f"(Tensor input, Tensor offset, Tensor weight, Tensor? bias, Tensor? mask, {_SIZES}) -> Tensor",
)
torch.library.define(
    "e2ec::deform_conv2d_backward",
    f"(Tensor grad, Tensor input, Tensor offset, Tensor weight, Tensor? mask, {_SIZES}) "
    "-> (Tensor, Tensor, Tensor, Tensor)",
)
torch.library.impl("e2ec::deform_conv2d", "default", reference.deform_conv2d)
torch.library.impl("e2ec::deform_conv2d_backward", "default", reference.deform_conv2d_backward)


def deform_conv2d(
    input: Tensor,
    offset: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    mask: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
) -> Tensor:
    """Convolve with a kernel whose taps are moved by `offset` and scaled by `mask`.

    Arguments and meaning are those of `torchvision.ops.deform_conv2d`. Positions and sums are
    float32 at least. In float16 and bfloat16, `offset` and `mask` may be float32; what is sampled
    is rounded to the type of `input` before it is multiplied with `weight`, as in an ordinary
    convolution. Under autocast the type of `input` decides, and the result has it.

    Args:
        input: (B, Cin, H, W) float.
        offset: (B, 2 * G * kh * kw, Hout, Wout), for each of G offset groups and each tap (row by
            row) dy, then dx, in input pixels.
        weight: (Cout, Cin / groups, kh, kw); the number of groups follows from the shapes.
        bias: (Cout,).
        mask: (B, G * kh * kw, Hout, Wout) factors of the samples, already activated; None is 1.
        stride, padding, dilation: one number, or one each for y and x.

    Returns:
        (B, Cout, Hout, Wout), channels_last where `input` is, contiguous otherwise.

    Raises:
        ValueError: shapes or types do not fit each other.
    """
    sizes = (
        _pair(stride, "stride", 1),
        _pair(padding, "padding", 0),
        _pair(dilation, "dilation", 1),
    )
    _check_shapes(input, offset, weight, bias, mask, *sizes)
    _check_types(input, offset=offset, weight=weight, bias=bias, mask=mask)
    return torch.ops.e2ec.deform_conv2d(input, offset, weight, bias, mask, *sizes)


def _pair(value: int | Sequence[int], name: str, smallest: int) -> list[int]:
    pair = [value, value] if isinstance(value, int) else list(value)
    if len(pair) != 2 or any(not isinstance(item, int) or item < smallest for item in pair):
        raise ValueError(f"deform_conv2d: {name} must be one or two ints >= {smallest}: {value!r}")
    return pair


def _check_shapes(
    input: Tensor,
    offset: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    mask: Tensor | None,
    *sizes: list[int],
) -> None:
    for name, tensor in (("input", input), ("offset", offset), ("weight", weight)):
        if tensor.dim() != 4:
            raise ValueError(
                f"deform_conv2d: {name} must have 4 dimensions, not shape {tuple(tensor.shape)}"
            )
    batch, channels = input.shape[:2]
    if 0 in weight.shape or channels == 0:
        raise ValueError("deform_conv2d: input and weight must have channels and taps")
    g = Geometry.of(input, offset, weight, *sizes)
    if channels % g.group_channels or g.outputs % g.weight_groups:
        raise ValueError(
            f"deform_conv2d: weight {tuple(weight.shape)} does not fit {channels} input channels"
        )
    size = (g.out_height, g.out_width)
    if min(size) <= 0:
        raise ValueError(
            f"deform_conv2d: input {tuple(input.shape)} is smaller than the kernel: output {size}"
        )
    taps, groups = g.taps, g.offset_groups
    if groups == 0 or offset.shape[1] % (2 * taps) or channels % groups:
        raise ValueError(
            f"deform_conv2d: offset has {offset.shape[1]} channels; {taps} taps need {2 * taps} "
            f"for each offset group, and the groups must divide {channels} input channels"
        )
    _check_shape("offset", offset, (batch, 2 * groups * taps, *size))
    if mask is not None:
        _check_shape("mask", mask, (batch, groups * taps, *size))
    if bias is not None:
        _check_shape("bias", bias, (g.outputs,))


def _check_shape(name: str, tensor: Tensor, shape: tuple[int, ...]) -> None:
    if tuple(tensor.shape) != shape:
        raise ValueError(
            f"deform_conv2d: {name} must have shape {shape}, not {tuple(tensor.shape)}"
        )


def _check_types(input: Tensor, **others: Tensor | None) -> None:
    if not input.is_floating_point():
        raise ValueError(f"deform_conv2d: input must be floating point, not {input.dtype}")
    any_type = torch.is_autocast_enabled(input.device.type)
    for name, other in others.items():
        if other is None:
            continue
        types = {input.dtype}
        if name in ("offset", "mask"):
            types.add(reference.compute_type(input))
        if other.device != input.device or not (any_type or other.dtype in types):
            raise ValueError(
                "deform_conv2d: all tensors must have one dtype and one device (offset and mask "
                "may be float32 beside a shorter one): input has "
                f"{input.dtype} on {input.device}, {name} {other.dtype} on {other.device}"
            )


@torch.library.register_fake("e2ec::deform_conv2d")
def _fake(input: Tensor, offset: Tensor, weight: Tensor, *_: Any) -> Tensor:
    return reference.new_output(input, offset, weight)


@torch.library.register_fake("e2ec::deform_conv2d_backward")
def _fake_backward(
    grad: Tensor, input: Tensor, offset: Tensor, weight: Tensor, mask: Tensor | None, *_: Any
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    grad_input = torch.empty_like(input, memory_format=reference.layout_like(input))
    grad_mask = input.new_empty(0) if mask is None else mask.new_empty(mask.shape)
    return grad_input, offset.new_empty(offset.shape), weight.new_empty(weight.shape), grad_mask


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    input, offset, weight, _, mask, *ctx.sizes = inputs
    ctx.save_for_backward(input, offset, weight, mask)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    input, offset, weight, mask = ctx.saved_tensors
    gradients: tuple[Tensor | None, ...] = (None, None, None, None)
    needs_input, needs_offset, needs_weight, needs_bias, needs_mask, *_ = ctx.needs_input_grad
    if needs_input or needs_offset or needs_weight or needs_mask:
        gradients = torch.ops.e2ec.deform_conv2d_backward(
            grad, input, offset, weight, mask, *ctx.sizes
        )
    *first, grad_mask = gradients
    grad_bias = grad.sum((0, 2, 3)) if needs_bias else None
    return (*first, grad_bias, grad_mask if needs_mask else None, None, None, None)


def _second_backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
    # Without this PyTorch takes the gradients for constants and the second derivative for zero.
    raise RuntimeError("deform_conv2d has no second derivative")


torch.library.register_autograd("e2ec::deform_conv2d", _backward, setup_context=_setup_context)
torch.library.register_autograd("e2ec::deform_conv2d_backward", _second_backward)


def _autocast(input: Tensor, offset: Tensor, weight: Tensor, *others: Any) -> Tensor:
    """In the input's type; offset and mask as they are where that loses nothing, else widened."""
    bias, mask, *sizes = others

    def position(tensor: Tensor) -> Tensor:
        return tensor if tensor.dtype == input.dtype else tensor.to(reference.compute_type(input))

    with torch.autocast(input.device.type, enabled=False):
        return torch.ops.e2ec.deform_conv2d(
            input,
            position(offset),
            weight.to(input.dtype),
            None if bias is None else bias.to(input.dtype),
            None if mask is None else position(mask),
            *sizes,
        )


_autocast_library = torch.library.Library("e2ec", "FRAGMENT")
for _key in ("AutocastCPU", "AutocastCUDA", "AutocastXPU", "AutocastMPS"):
    _autocast_library.impl("deform_conv2d", _autocast, _key)
