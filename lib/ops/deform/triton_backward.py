"""The Triton kernels of the deformable convolution's backward; see `triton_sampling`."""

from __future__ import annotations

import triton
import triton.language as tl

from lib.ops.deform.triton_sampling import bilinear, corner, pixels, position


@triton.jit
def _add_to_corner(
    grad_input,
    grad,
    pixel,
    row,
    column,
    channel,
    channel_known,
    height,
    width,
    channels,
    out_pixels,
):
    """Add `grad` (pixels, channels) to one corner of every position; corners may coincide."""
    index, inside = corner(
        pixel, row, column, channel, channel_known, height, width, channels, out_pixels
    )
    tl.atomic_add(grad_input + index, grad, mask=inside, sem="relaxed")


@triton.jit
def backward_samples(
    grad,  # (B, out pixels, all outputs)
    input,  # (B, H, W, C)
    offset,  # (B, offset groups, taps, dy and dx, out pixels)
    mask,  # (B, offset groups, taps, out pixels) or None
    weight,  # (taps, all outputs, group channels)
    grad_input,  # (B, H, W, C) float32, zeros
    grad_offset,  # as offset
    grad_mask,  # as mask
    total,
    height,
    width,
    channels,
    outputs,
    out_width,
    out_pixels,
    taps,
    kernel_width,
    group_channels,
    group_outputs,
    offset_groups,
    stride_y,
    stride_x,
    padding_y,
    padding_x,
    dilation_y,
    dilation_x,
    SEGMENT: tl.constexpr,
    PRECISION: tl.constexpr,
    BLOCK_P: tl.constexpr,
    BLOCK_C: tl.constexpr,
    BLOCK_O: tl.constexpr,
):
    """Gradients of input, offset and mask. One program: BLOCK_P pixels of one tap and one offset
    group. Grid: (pixel blocks, taps, offset groups)."""
    pixel = tl.program_id(0) * BLOCK_P + tl.arange(0, BLOCK_P)
    tap, offset_group = tl.program_id(1), tl.program_id(2)
    known = pixel < total
    y, x, factor = position(
        offset, mask, pixel, total, tap, offset_group,
        height, width, out_width, out_pixels, taps, kernel_width, offset_groups,
        stride_y, stride_x, padding_y, padding_x, dilation_y, dilation_x,
    )  # fmt: skip
    top, left = tl.floor(y).to(tl.int32), tl.floor(x).to(tl.int32)
    fy, fx = (y - tl.floor(y))[:, None], (x - tl.floor(x))[:, None]
    sum_y = tl.zeros((BLOCK_P,), tl.float32)
    sum_x = tl.zeros((BLOCK_P,), tl.float32)
    sum_factor = tl.zeros((BLOCK_P,), tl.float32)
    for first in range(0, channels // offset_groups, SEGMENT):
        start = offset_group * (channels // offset_groups) + first
        weight_group = start // group_channels
        for block in range(0, SEGMENT, BLOCK_C):
            c = block + tl.arange(0, BLOCK_C)
            column_grad = tl.zeros((BLOCK_P, BLOCK_C), tl.float32)
            for o in range(0, group_outputs, BLOCK_O):
                group_output = o + tl.arange(0, BLOCK_O)
                out_known = group_output < group_outputs
                out = weight_group * group_outputs + group_output
                out_grad = tl.load(
                    grad + pixel.to(tl.int64)[:, None] * outputs + out[None, :],
                    mask=known[:, None] & out_known[None, :],
                    other=0.0,
                )
                group_channel = start % group_channels + c
                taps_weight = tl.load(
                    weight
                    + (tap * outputs + out)[:, None] * group_channels
                    + group_channel[None, :],
                    mask=out_known[:, None] & (c < SEGMENT)[None, :],
                    other=0.0,
                )
                column_grad = tl.dot(out_grad, taps_weight, column_grad, input_precision=PRECISION)
            top_left, top_right, bottom_left, bottom_right = pixels(
                input, pixel, y, x, start + c, c < SEGMENT, height, width, channels, out_pixels
            )
            values = bilinear(y, x, top_left, top_right, bottom_left, bottom_right)
            sum_factor += tl.sum(column_grad * values, 1)
            column_grad *= factor[:, None]
            slope_y = (bottom_left - top_left) * (1 - fx) + (bottom_right - top_right) * fx
            slope_x = (top_right - top_left) * (1 - fy) + (bottom_right - bottom_left) * fy
            sum_y += tl.sum(column_grad * slope_y, 1)
            sum_x += tl.sum(column_grad * slope_x, 1)
            for below in tl.static_range(2):
                weight_y = fy if below else 1 - fy
                for right in tl.static_range(2):
                    weight_x = fx if right else 1 - fx
                    _add_to_corner(
                        grad_input, column_grad * (weight_y * weight_x), pixel,
                        top + below, left + right, start + c, c < SEGMENT,
                        height, width, channels, out_pixels,
                    )  # fmt: skip
    image, place = (pixel // out_pixels).to(tl.int64), pixel % out_pixels
    channel = (image * offset_groups + offset_group) * taps + tap
    element = grad_offset.dtype.element_ty
    tl.store(grad_offset + 2 * channel * out_pixels + place, sum_y.to(element), mask=known)
    tl.store(grad_offset + (2 * channel + 1) * out_pixels + place, sum_x.to(element), mask=known)
    if mask is not None:
        tl.store(
            grad_mask + channel * out_pixels + place,
            sum_factor.to(grad_mask.dtype.element_ty),
            mask=known,
        )


@triton.jit
def backward_weight(
    grad,  # (B, out pixels, all outputs)
    input,  # (B, H, W, C)
    offset,  # (B, offset groups, taps, dy and dx, out pixels)
    mask,  # (B, offset groups, taps, out pixels) or None
    grad_weight,  # (parts, taps, group channels, all outputs) float32
    total,
    height,
    width,
    channels,
    outputs,
    out_width,
    out_pixels,
    taps,
    kernel_width,
    group_channels,
    group_outputs,
    offset_groups,
    stride_y,
    stride_x,
    padding_y,
    padding_x,
    dilation_y,
    dilation_x,
    SEGMENT: tl.constexpr,
    PRECISION: tl.constexpr,
    BLOCK_P: tl.constexpr,
    BLOCK_C: tl.constexpr,
    BLOCK_O: tl.constexpr,
):
    """Gradient of the weight, in parts still to be added up. One program: BLOCK_C channels of a
    segment x BLOCK_O outputs of one tap, summed over every `parts`-th pixel block.
    Grid: (channel blocks x output blocks, taps, parts)."""
    out_blocks = tl.cdiv(group_outputs, BLOCK_O)
    segment_blocks: tl.constexpr = (SEGMENT + BLOCK_C - 1) // BLOCK_C
    channel_block = tl.program_id(0) // out_blocks
    tap, part, parts = tl.program_id(1), tl.program_id(2), tl.num_programs(2)
    start = channel_block // segment_blocks * SEGMENT
    c = channel_block % segment_blocks * BLOCK_C + tl.arange(0, BLOCK_C)
    group_output = tl.program_id(0) % out_blocks * BLOCK_O + tl.arange(0, BLOCK_O)
    out_known = group_output < group_outputs
    out = start // group_channels * group_outputs + group_output
    sums = tl.zeros((BLOCK_C, BLOCK_O), tl.float32)
    for block in range(part, tl.cdiv(total, BLOCK_P), parts):
        pixel = block * BLOCK_P + tl.arange(0, BLOCK_P)
        y, x, factor = position(
            offset, mask, pixel, total, tap, start // (channels // offset_groups),
            height, width, out_width, out_pixels, taps, kernel_width, offset_groups,
            stride_y, stride_x, padding_y, padding_x, dilation_y, dilation_x,
        )  # fmt: skip
        top_left, top_right, bottom_left, bottom_right = pixels(
            input, pixel, y, x, start + c, c < SEGMENT, height, width, channels, out_pixels
        )
        values = bilinear(y, x, top_left, top_right, bottom_left, bottom_right)
        out_grad = tl.load(
            grad + pixel.to(tl.int64)[:, None] * outputs + out[None, :],
            mask=(pixel < total)[:, None] & out_known[None, :],
            other=0.0,
        )
        columns = (values * factor[:, None]).to(out_grad.dtype)
        sums = tl.dot(tl.trans(columns), out_grad, sums, input_precision=PRECISION)
    row = (part * taps + tap).to(tl.int64) * group_channels + start % group_channels + c
    known = (c < SEGMENT)[:, None] & out_known[None, :]
    tl.store(grad_weight + row[:, None] * outputs + out[None, :], sums, mask=known)
