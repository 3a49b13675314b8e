"""The operators in plain PyTorch: slow, obvious, on any device; the kernels must equal them."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor


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
    """See `lib.ops.deform.deform_conv2d`: sum over the taps of (weight of the tap) x (samples)."""
    dtype = compute_type(input)
    samples = _Samples(input.to(dtype), offset.to(dtype), weight, stride, padding, dilation)
    groups = input.shape[1] // weight.shape[1]
    output = input.new_zeros(
        (input.shape[0], weight.shape[0], *offset.shape[2:]), dtype=dtype
    ).flatten(2)
    for tap, tap_weight in _taps(weight.to(dtype)):
        output += _group_conv(tap_weight, samples.values(tap) * samples.mask(mask, tap), groups)
    if bias is not None:
        output += bias.to(dtype)[:, None]
    output = output.unflatten(2, offset.shape[2:]).to(input.dtype)
    return output.contiguous(memory_format=layout_like(input))


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
    dtype = compute_type(input)
    samples = _Samples(input.to(dtype), offset.to(dtype), weight, stride, padding, dilation)
    groups = input.shape[1] // weight.shape[1]
    grad = grad.to(dtype).flatten(2)
    grad_input = torch.zeros_like(samples.image)
    grad_offset = torch.zeros_like(samples.offset)
    grad_weight = torch.zeros(weight.shape, dtype=dtype, device=weight.device).flatten(2)
    grad_mask = None if mask is None else torch.zeros(mask.shape, dtype=dtype, device=mask.device)
    for tap, tap_weight in _taps(weight.to(dtype)):
        values, factor = samples.values(tap), samples.mask(mask, tap)
        grad_column = _group_conv_by_values(tap_weight, grad, groups)
        grad_weight[:, :, tap] = _group_conv_by_weight(values * factor, grad, groups)
        samples.add_position_gradient(tap, grad_column * factor, grad_offset)
        samples.add_image_gradient(tap, grad_column * factor, grad_input)
        if grad_mask is not None:
            by_group = (grad_column * values).unflatten(1, (samples.groups, -1)).sum(2)
            grad_mask.flatten(2)[:, tap :: samples.taps] = by_group
    grad_input = grad_input.unflatten(2, input.shape[2:]).to(input.dtype)
    return (
        grad_input.contiguous(memory_format=layout_like(input)),
        grad_offset.to(offset.dtype).view(offset.shape),
        grad_weight.to(weight.dtype).view(weight.shape),
        input.new_empty(0) if mask is None or grad_mask is None else grad_mask.to(mask.dtype),
    )


class _Samples:
    """Bilinear samples of an image at the moved taps. Positions are flattened: P = Hout * Wout."""

    def __init__(
        self,
        input: Tensor,
        offset: Tensor,
        weight: Tensor,
        stride: list[int],
        padding: list[int],
        dilation: list[int],
    ) -> None:
        self.height, self.width = input.shape[2:]
        self.kernel_width = weight.shape[3]
        self.taps = weight.shape[2] * weight.shape[3]
        self.groups = offset.shape[1] // (2 * self.taps)
        self.out_height, self.out_width = offset.shape[2:]
        self.stride, self.padding, self.dilation = stride, padding, dilation
        self.image = input.flatten(2)  # (B, C, H * W)
        self.offset = offset.contiguous().view(  # (B, G, taps, dy and dx, P)
            offset.shape[0], self.groups, self.taps, 2, self.out_height * self.out_width
        )

    def mask(self, mask: Tensor | None, tap: int) -> Tensor:
        """The tap's factors, (B, C, P), or a single one."""
        if mask is None:
            return self.image.new_ones(())
        return self._per_channel(mask.to(self.image.dtype).flatten(2)[:, tap :: self.taps])

    def values(self, tap: int) -> Tensor:
        """The samples of one tap, (B, C, P)."""
        total = self.image.new_zeros(())
        for index, valid, weight_y, weight_x, _, _ in self._corners(tap):
            total = total + self._gather(index, valid) * self._per_channel(weight_y * weight_x)
        return total

    def add_position_gradient(self, tap: int, grad: Tensor, grad_offset: Tensor) -> None:
        """Add the gradient of the tap's dy and dx, from that of its samples `grad` (B, C, P)."""
        for index, valid, weight_y, weight_x, slope_y, slope_x in self._corners(tap):
            product = (grad * self._gather(index, valid)).unflatten(1, (self.groups, -1)).sum(2)
            grad_offset[:, :, tap, 0] += product * slope_y * weight_x
            grad_offset[:, :, tap, 1] += product * weight_y * slope_x

    def add_image_gradient(self, tap: int, grad: Tensor, grad_image: Tensor) -> None:
        """Add the gradient of the image, from that of the tap's samples `grad` (B, C, P)."""
        for index, valid, weight_y, weight_x, _, _ in self._corners(tap):
            weight = self._per_channel(weight_y * weight_x * valid)
            grad_image.scatter_add_(2, self._per_channel(index), grad * weight)

    def _corners(self, tap: int) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]]:
        """The four pixels around every position of a tap, each value (B, G, P).

        Yields the pixel's flat index (0 outside), whether it lies in the image, its weight along
        y and x, and the derivative of those weights by y and x.
        """
        y, x = self._positions(tap)
        top, left = y.floor(), x.floor()
        for below in (0, 1):
            for right in (0, 1):
                row, column = (top + below).long(), (left + right).long()
                valid = (row >= 0) & (row < self.height) & (column >= 0) & (column < self.width)
                index = torch.where(valid, row * self.width + column, 0)
                weight_y = y - top if below else 1 - (y - top)
                weight_x = x - left if right else 1 - (x - left)
                slope_y = torch.full_like(y, 1.0 if below else -1.0)
                slope_x = torch.full_like(x, 1.0 if right else -1.0)
                yield index, valid, weight_y, weight_x, slope_y, slope_x

    def _positions(self, tap: int) -> tuple[Tensor, Tensor]:
        """y and x of every output position, (B, G, P); what cannot touch the image goes to -2."""
        ky, kx = divmod(tap, self.kernel_width)
        rows = torch.arange(self.out_height, device=self.image.device) * self.stride[0]
        columns = torch.arange(self.out_width, device=self.image.device) * self.stride[1]
        rows = rows + ky * self.dilation[0] - self.padding[0]
        columns = columns + kx * self.dilation[1] - self.padding[1]
        y = rows.repeat_interleave(self.out_width) + self.offset[:, :, tap, 0]
        x = columns.repeat(self.out_height) + self.offset[:, :, tap, 1]
        inside = (y >= -1) & (y < self.height) & (x >= -1) & (x < self.width)  # not if NaN
        return torch.where(inside, y, -2.0), torch.where(inside, x, -2.0)

    def _gather(self, index: Tensor, valid: Tensor) -> Tensor:
        pixels = self.image.gather(2, self._per_channel(index))
        return torch.where(self._per_channel(valid), pixels, 0.0)

    def _per_channel(self, value: Tensor) -> Tensor:
        """(B, G, P) -> (B, C, P)."""
        per_group = self.image.shape[1] // self.groups
        return value[:, :, None].expand(-1, -1, per_group, -1).flatten(1, 2)


def _taps(weight: Tensor) -> Iterator[tuple[int, Tensor]]:
    """The taps row by row, each with its weight (Cout, C / groups)."""
    return enumerate(weight.flatten(2).unbind(2))


def _group_conv(weight: Tensor, values: Tensor, groups: int) -> Tensor:
    """A grouped 1x1 convolution: (Cout, C / groups), (B, C, P) -> (B, Cout, P)."""
    weight, values = weight.unflatten(0, (groups, -1)), values.unflatten(1, (groups, -1))
    return torch.einsum("goc,bgcp->bgop", weight, values).flatten(1, 2)


def _group_conv_by_values(weight: Tensor, grad: Tensor, groups: int) -> Tensor:
    """Gradient of `_group_conv` by its values, (B, C, P)."""
    weight, grad = weight.unflatten(0, (groups, -1)), grad.unflatten(1, (groups, -1))
    return torch.einsum("goc,bgop->bgcp", weight, grad).flatten(1, 2)


def _group_conv_by_weight(values: Tensor, grad: Tensor, groups: int) -> Tensor:
    """Gradient of `_group_conv` by its weight, (Cout, C / groups)."""
    values, grad = values.unflatten(1, (groups, -1)), grad.unflatten(1, (groups, -1))
    return torch.einsum("bgop,bgcp->goc", grad, values).flatten(0, 1)


def compute_type(tensor: Tensor) -> torch.dtype:
    """float64 for float64, float32 for all others."""
    return torch.float64 if tensor.dtype == torch.float64 else torch.float32


def layout_like(tensor: Tensor) -> torch.memory_format:
    """channels_last where `tensor` clearly is, contiguous otherwise."""
    if tensor.is_contiguous(memory_format=torch.channels_last) and not tensor.is_contiguous():
        return torch.channels_last
    return torch.contiguous_format
