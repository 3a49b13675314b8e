"""The operators in plain PyTorch: slow, obvious, on any device; the kernels must equal them."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from lib.ops.deform.geometry import Geometry


def deform_conv2d(
    input: Tensor,
    offset: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    mask: Tensor | None,
    *sizes: list[int],
) -> Tensor:
    """See `lib.ops.deform.deform_conv2d`: sum over the taps of (weight of the tap) x (samples).

    `sizes` are stride, padding and dilation.
    """
    g = Geometry.of(input, offset, weight, *sizes)
    tensors = _widened(input, offset, weight, mask)
    output = tensors[0].new_zeros(input.shape[0], g.outputs, g.out_pixels)
    for tap in range(g.taps):
        output += _tap(g, tap, *tensors)
    if bias is not None:
        output += bias.to(output.dtype)[:, None]
    output = output.unflatten(2, (g.out_height, g.out_width)).to(input.dtype)
    return output.contiguous(memory_format=layout_like(input))


def deform_conv2d_backward(
    grad: Tensor,
    input: Tensor,
    offset: Tensor,
    weight: Tensor,
    mask: Tensor | None,
    *sizes: list[int],
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of input, offset, weight and mask (empty without a mask)."""
    g = Geometry.of(input, offset, weight, *sizes)
    tensors = _widened(input, offset, weight, mask)
    totals = [torch.zeros_like(tensor) for tensor in tensors]
    grad = grad.to(tensors[0].dtype).flatten(2)
    for tap in range(g.taps):  # one by one: autograd keeps all that the taps between have computed
        gradients = torch.func.vjp(partial(_tap, g, tap), *tensors)[1]
        for total, part in zip(totals, gradients(grad), strict=True):
            total += part
    grad_input, grad_offset, grad_weight, *grad_mask = totals
    return (
        grad_input.to(input.dtype).contiguous(memory_format=layout_like(input)),
        grad_offset.to(offset.dtype).contiguous(),
        grad_weight.to(weight.dtype).contiguous(),
        input.new_empty(0) if mask is None else grad_mask[0].to(mask.dtype).contiguous(),
    )


def _widened(input: Tensor, *others: Tensor | None) -> list[Tensor]:
    """The tensors that there are, in the type of the sums."""
    dtype = compute_type(input)
    return [tensor.to(dtype) for tensor in (input, *others) if tensor is not None]


def _tap(
    g: Geometry, tap: int, input: Tensor, offset: Tensor, weight: Tensor, mask: Tensor | None = None
) -> Tensor:
    """What one tap adds to the output, (B, Cout, P). Positions are flattened: P = Hout * Wout."""
    y, x = _positions(g, tap, offset)
    samples = _bilinear(g, input.flatten(2), y, x)
    if mask is not None:
        samples = samples * _per_channel(g, mask.flatten(2)[:, tap :: g.taps])
    groups = (g.weight_groups, -1)
    tap_weight = weight.flatten(2)[..., tap].unflatten(0, groups)
    return torch.einsum("goc,bgcp->bgop", tap_weight, samples.unflatten(1, groups)).flatten(1, 2)


def _positions(g: Geometry, tap: int, offset: Tensor) -> tuple[Tensor, Tensor]:
    """y and x of every output position, (B, G, P); what cannot touch the image goes to -2."""
    ky, kx = divmod(tap, g.kernel_width)
    rows = torch.arange(g.out_height, device=offset.device) * g.stride[0]
    columns = torch.arange(g.out_width, device=offset.device) * g.stride[1]
    rows = rows + ky * g.dilation[0] - g.padding[0]
    columns = columns + kx * g.dilation[1] - g.padding[1]
    moved = offset.flatten(2)
    y = rows.repeat_interleave(g.out_width) + moved[:, 2 * tap :: 2 * g.taps]
    x = columns.repeat(g.out_height) + moved[:, 2 * tap + 1 :: 2 * g.taps]
    inside = (y >= -1) & (y < g.height) & (x >= -1) & (x < g.width)  # not if NaN
    return torch.where(inside, y, -2.0), torch.where(inside, x, -2.0)


def _bilinear(g: Geometry, image: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """The image (B, C, H * W) at positions (B, G, P) between four pixels: (B, C, P)."""
    top, left = y.detach().floor(), x.detach().floor()
    total = image.new_zeros(())
    for below in (0, 1):
        for right in (0, 1):
            row, column = (top + below).long(), (left + right).long()
            valid = (row >= 0) & (row < g.height) & (column >= 0) & (column < g.width)
            index = torch.where(valid, row * g.width + column, 0)
            pixels = image.gather(2, _per_channel(g, index))
            pixels = torch.where(_per_channel(g, valid), pixels, 0.0)
            weight_y = y - top if below else 1 - (y - top)
            weight_x = x - left if right else 1 - (x - left)
            total = total + pixels * _per_channel(g, weight_y * weight_x)
    return total


def _per_channel(g: Geometry, value: Tensor) -> Tensor:
    """(B, G, P) -> (B, C, P)."""
    return value[:, :, None].expand(-1, -1, g.channels // g.offset_groups, -1).flatten(1, 2)


def compute_type(tensor: Tensor) -> torch.dtype:
    """float64 for float64, float32 for all others."""
    return torch.float64 if tensor.dtype == torch.float64 else torch.float32


def new_output(input: Tensor, offset: Tensor, weight: Tensor) -> Tensor:
    """Room for the result, (B, Cout, Hout, Wout)."""
    shape = (input.shape[0], weight.shape[0], *offset.shape[2:])
    layout = layout_like(input)
    return torch.empty(shape, dtype=input.dtype, device=input.device, memory_format=layout)


def layout_like(tensor: Tensor) -> torch.memory_format:
    """channels_last where `tensor` clearly is, contiguous otherwise."""
    if tensor.is_contiguous(memory_format=torch.channels_last) and not tensor.is_contiguous():
        return torch.channels_last
    return torch.contiguous_format
