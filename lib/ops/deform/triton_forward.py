"""The Triton kernel of the deformable convolution; `triton_sampling` says how it is laid out."""

from __future__ import annotations

import triton
import triton.language as tl

from lib.ops.deform.triton_sampling import bilinear, pixels, position


@triton.jit
def forward(
    input,  # (B, H, W, C)
    offset,  # (B, offset groups, taps, dy and dx, out pixels)
    mask,  # (B, offset groups, taps, out pixels) or None
    weight,  # (taps, group channels, all outputs)
    bias,  # (all outputs,) or None
    output,  # (B, all outputs, out pixels) with the strides below
    output_stride_image,
    output_stride_channel,
    output_stride_pixel,
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
    """One program: BLOCK_P pixels x BLOCK_O outputs of a weight group, summed over taps and
    channels. Grid: (pixel blocks, output blocks, weight groups)."""
    pixel = tl.program_id(0) * BLOCK_P + tl.arange(0, BLOCK_P)
    group_output = tl.program_id(1) * BLOCK_O + tl.arange(0, BLOCK_O)
    weight_group = tl.program_id(2)
    out_known = group_output < group_outputs
    out = weight_group * group_outputs + group_output
    sums = tl.zeros((BLOCK_P, BLOCK_O), tl.float32)
    for tap in range(taps):
        for first in range(0, group_channels, SEGMENT):
            start = weight_group * group_channels + first
            y, x, factor = position(
                offset, mask, pixel, total, tap, start // (channels // offset_groups),
                height, width, out_width, out_pixels, taps, kernel_width, offset_groups,
                stride_y, stride_x, padding_y, padding_x, dilation_y, dilation_x,
            )  # fmt: skip
            for block in range(0, SEGMENT, BLOCK_C):
                c = block + tl.arange(0, BLOCK_C)
                top_left, top_right, bottom_left, bottom_right = pixels(
                    input, pixel, y, x, start + c, c < SEGMENT, height, width, channels, out_pixels
                )
                values = bilinear(y, x, top_left, top_right, bottom_left, bottom_right)
                taps_weight = tl.load(
                    weight + (tap * group_channels + first + c)[:, None] * outputs + out[None, :],
                    mask=(c < SEGMENT)[:, None] & out_known[None, :],
                    other=0.0,
                )
                columns = (values * factor[:, None]).to(taps_weight.dtype)
                sums = tl.dot(columns, taps_weight, sums, input_precision=PRECISION)
    if bias is not None:
        sums += tl.load(bias + out, mask=out_known, other=0.0).to(tl.float32)[None, :]
    image, place = (pixel // out_pixels).to(tl.int64), (pixel % out_pixels).to(tl.int64)
    index = (image * output_stride_image + place * output_stride_pixel)[:, None]
    index += (out.to(tl.int64) * output_stride_channel)[None, :]
    known = (pixel < total)[:, None] & out_known[None, :]
    tl.store(output + index, sums.to(output.dtype.element_ty), mask=known)
