"""The Triton kernels of the deformable convolution; `triton_deform_conv2d` launches them.

Blocks of output pixels are sampled tile by tile into registers (pixels, channels of one tap) and
multiplied there: no column buffer is written to memory. Tensors are read with the channels
innermost, so that the channels of one pixel lie side by side.

Output pixels are numbered through the batch. Positions, interpolation and all sums are float32.
`g` is the `Geometry`, SEGMENT its `segment`. `known` says which pixels or channels of a block are
there, where its end reaches too far.

Pixels and elements of the weight are counted in int32, elements of everything else in int64;
`triton_deform_conv2d` leaves larger counts to the reference.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def forward(
    input,  # (B, H, W, C)
    offset,  # (B, offset groups, taps, dy and dx, out pixels)
    mask,  # (B, offset groups, taps, out pixels) or None
    weight,  # (taps, group channels, all outputs)
    bias,  # (all outputs,) or None
    output,  # (B, all outputs, out pixels)
    output_strides,  # of these three
    g,
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
    out_known = group_output < g.group_outputs
    out = tl.program_id(2) * g.group_outputs + group_output
    sums = tl.zeros((BLOCK_P, BLOCK_O), tl.float32)
    for tap in range(g.taps):
        for first in range(0, g.group_channels, SEGMENT):
            start = tl.program_id(2) * g.group_channels + first
            offset_group = start // (g.channels // g.offset_groups)
            y, x, factor = _position(offset, mask, pixel, tap, offset_group, g)
            for block in range(0, SEGMENT, BLOCK_C):
                c = block + tl.arange(0, BLOCK_C)
                values = _bilinear(y, x, _pixels(input, pixel, y, x, start + c, c < SEGMENT, g))
                row = tap * g.group_channels + first + c
                taps_weight = _load(weight, row, c < SEGMENT, out, out_known, g.outputs)
                columns = (values * factor[:, None]).to(taps_weight.dtype)
                sums = tl.dot(columns, taps_weight, sums, input_precision=PRECISION)
    if bias is not None:
        sums += tl.load(bias + out, mask=out_known, other=0.0).to(tl.float32)[None, :]
    image, place = (pixel // g.out_pixels).to(tl.int64), (pixel % g.out_pixels).to(tl.int64)
    index = (image * output_strides[0] + place * output_strides[2])[:, None]
    index += (out.to(tl.int64) * output_strides[1])[None, :]
    known = (pixel < g.total)[:, None] & out_known[None, :]
    tl.store(output + index, sums.to(output.dtype.element_ty), mask=known)


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
    g,
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
    y, x, factor = _position(offset, mask, pixel, tap, offset_group, g)
    sum_y = tl.zeros((BLOCK_P,), tl.float32)
    sum_x = tl.zeros((BLOCK_P,), tl.float32)
    sum_factor = tl.zeros((BLOCK_P,), tl.float32)
    for first in range(0, g.channels // g.offset_groups, SEGMENT):
        start = offset_group * (g.channels // g.offset_groups) + first
        for block in range(0, SEGMENT, BLOCK_C):
            c = block + tl.arange(0, BLOCK_C)
            sample_grad = _sample_gradient(
                grad, weight, pixel, tap, start, c, g, SEGMENT, PRECISION, BLOCK_O
            )
            corners = _pixels(input, pixel, y, x, start + c, c < SEGMENT, g)
            sum_factor += tl.sum(sample_grad * _bilinear(y, x, corners), 1)
            sample_grad *= factor[:, None]
            slope_y, slope_x = _slopes(y, x, corners)
            sum_y += tl.sum(sample_grad * slope_y, 1)
            sum_x += tl.sum(sample_grad * slope_x, 1)
            _add_to_pixels(grad_input, sample_grad, pixel, y, x, start + c, c < SEGMENT, g)
    known = pixel < g.total
    channel, place = _offset_channel(pixel, tap, offset_group, g)
    index = 2 * channel * g.out_pixels + place
    element = grad_offset.dtype.element_ty
    tl.store(grad_offset + index, sum_y.to(element), mask=known)
    tl.store(grad_offset + index + g.out_pixels, sum_x.to(element), mask=known)
    if mask is not None:
        factor_grad = sum_factor.to(grad_mask.dtype.element_ty)
        tl.store(grad_mask + channel * g.out_pixels + place, factor_grad, mask=known)


@triton.jit
def backward_weight(
    grad,  # (B, out pixels, all outputs)
    input,  # (B, H, W, C)
    offset,  # (B, offset groups, taps, dy and dx, out pixels)
    mask,  # (B, offset groups, taps, out pixels) or None
    grad_weight,  # (parts, taps, group channels, all outputs) float32
    g,
    SEGMENT: tl.constexpr,
    PRECISION: tl.constexpr,
    BLOCK_P: tl.constexpr,
    BLOCK_C: tl.constexpr,
    BLOCK_O: tl.constexpr,
):
    """Gradient of the weight, in parts still to be added up. One program: BLOCK_C channels of a
    segment x BLOCK_O outputs of one tap, summed over every `parts`-th pixel block.
    Grid: (channel blocks x output blocks, taps, parts)."""
    out_blocks = tl.cdiv(g.group_outputs, BLOCK_O)
    segment_blocks: tl.constexpr = (SEGMENT + BLOCK_C - 1) // BLOCK_C
    channel_block = tl.program_id(0) // out_blocks
    tap, part, parts = tl.program_id(1), tl.program_id(2), tl.num_programs(2)
    start = channel_block // segment_blocks * SEGMENT
    c = channel_block % segment_blocks * BLOCK_C + tl.arange(0, BLOCK_C)
    group_output = tl.program_id(0) % out_blocks * BLOCK_O + tl.arange(0, BLOCK_O)
    out_known = group_output < g.group_outputs
    out = start // g.group_channels * g.group_outputs + group_output
    offset_group = start // (g.channels // g.offset_groups)
    sums = tl.zeros((BLOCK_C, BLOCK_O), tl.float32)
    for block in range(part, tl.cdiv(g.total, BLOCK_P), parts):
        pixel = block * BLOCK_P + tl.arange(0, BLOCK_P)
        y, x, factor = _position(offset, mask, pixel, tap, offset_group, g)
        values = _bilinear(y, x, _pixels(input, pixel, y, x, start + c, c < SEGMENT, g))
        out_grad = _load(grad, pixel.to(tl.int64), pixel < g.total, out, out_known, g.outputs)
        columns = (values * factor[:, None]).to(out_grad.dtype)
        sums = tl.dot(tl.trans(columns), out_grad, sums, input_precision=PRECISION)
    row = (part * g.taps + tap).to(tl.int64) * g.group_channels + start % g.group_channels + c
    known = (c < SEGMENT)[:, None] & out_known[None, :]
    tl.store(grad_weight + row[:, None] * g.outputs + out[None, :], sums, mask=known)


@triton.jit
def _load(matrix, row, row_known, column, column_known, columns):
    """A block (rows, columns) of a matrix with so many columns; zeros where it ends."""
    return tl.load(
        matrix + row[:, None] * columns + column[None, :],
        mask=row_known[:, None] & column_known[None, :],
        other=0.0,
    )


@triton.jit
def _offset_channel(pixel, tap, offset_group, g):
    """The tap's number among the channels of the whole batch's mask, and each pixel's place in its
    channel."""
    image = (pixel // g.out_pixels).to(tl.int64)
    return (image * g.offset_groups + offset_group) * g.taps + tap, pixel % g.out_pixels


@triton.jit
def _position(offset, mask, pixel, tap, offset_group, g):
    """Where a tap samples for each pixel: y, x and factor; y = x = -2 if it cannot touch the image.

    The three have shape (pixels,); the padding of the last block counts as outside.
    """
    known = pixel < g.total
    channel, place = _offset_channel(pixel, tap, offset_group, g)
    dy = tl.load(offset + 2 * channel * g.out_pixels + place, mask=known, other=0.0)
    dx = tl.load(offset + (2 * channel + 1) * g.out_pixels + place, mask=known, other=0.0)
    row = place // g.out_width * g.stride[0] - g.padding[0] + tap // g.kernel_width * g.dilation[0]
    column = place % g.out_width * g.stride[1] - g.padding[1] + tap % g.kernel_width * g.dilation[1]
    y = row.to(tl.float32) + dy.to(tl.float32)
    x = column.to(tl.float32) + dx.to(tl.float32)
    inside = known & (y >= -1) & (y < g.height) & (x >= -1) & (x < g.width)  # not if NaN
    factor = tl.full(y.shape, 1.0, tl.float32)
    if mask is not None:
        factor = tl.load(mask + channel * g.out_pixels + place, mask=known, other=0.0)
    return tl.where(inside, y, -2.0), tl.where(inside, x, -2.0), factor.to(tl.float32)


@triton.jit
def _corner(pixel, row, column, channel, channel_known, g):
    """Index (pixels, channels) into an image (B, H, W, C) for one corner, and which are inside."""
    image = (pixel // g.out_pixels).to(tl.int64)
    inside = (row >= 0) & (row < g.height) & (column >= 0) & (column < g.width)
    index = ((image * g.height + row) * g.width + column) * g.channels
    return index[:, None] + channel[None, :], inside[:, None] & channel_known[None, :]


@triton.jit
def _pixel(input, pixel, row, column, channel, channel_known, g):
    """One corner of every position, (pixels, channels) float32; zero outside the image."""
    index, inside = _corner(pixel, row, column, channel, channel_known, g)
    return tl.load(input + index, mask=inside, other=0.0).to(tl.float32)


@triton.jit
def _pixels(input, pixel, y, x, channel, channel_known, g):
    """The four pixels around each position: top left, top right, bottom left, bottom right."""
    top, left = tl.floor(y).to(tl.int32), tl.floor(x).to(tl.int32)
    return (
        _pixel(input, pixel, top, left, channel, channel_known, g),
        _pixel(input, pixel, top, left + 1, channel, channel_known, g),
        _pixel(input, pixel, top + 1, left, channel, channel_known, g),
        _pixel(input, pixel, top + 1, left + 1, channel, channel_known, g),
    )


@triton.jit
def _bilinear(y, x, corners):
    """Values (pixels, channels) at y, x (pixels,) between their four pixels."""
    top_left, top_right, bottom_left, bottom_right = corners
    fy, fx = (y - tl.floor(y))[:, None], (x - tl.floor(x))[:, None]
    top = top_left * (1 - fx) + top_right * fx
    bottom = bottom_left * (1 - fx) + bottom_right * fx
    return top * (1 - fy) + bottom * fy


@triton.jit
def _slopes(y, x, corners):
    """Derivatives of `_bilinear` by y and by x, (pixels, channels)."""
    top_left, top_right, bottom_left, bottom_right = corners
    fy, fx = (y - tl.floor(y))[:, None], (x - tl.floor(x))[:, None]
    slope_y = (bottom_left - top_left) * (1 - fx) + (bottom_right - top_right) * fx
    slope_x = (top_right - top_left) * (1 - fy) + (bottom_right - bottom_left) * fy
    return slope_y, slope_x


@triton.jit
def _sample_gradient(
    grad,
    weight,
    pixel,
    tap,
    start,
    c,
    g,
    SEGMENT: tl.constexpr,
    PRECISION: tl.constexpr,
    BLOCK_O: tl.constexpr,
):
    """Gradient of the samples, before their factor: (pixels, channels `c` of a segment)."""
    sums = tl.zeros((pixel.shape[0], c.shape[0]), tl.float32)
    for o in range(0, g.group_outputs, BLOCK_O):
        group_output = o + tl.arange(0, BLOCK_O)
        out_known = group_output < g.group_outputs
        out = start // g.group_channels * g.group_outputs + group_output
        out_grad = _load(grad, pixel.to(tl.int64), pixel < g.total, out, out_known, g.outputs)
        column = start % g.group_channels + c
        row = tap * g.outputs + out
        taps_weight = _load(weight, row, out_known, column, c < SEGMENT, g.group_channels)
        sums = tl.dot(out_grad, taps_weight, sums, input_precision=PRECISION)
    return sums


@triton.jit
def _add_to_pixels(grad_input, grad, pixel, y, x, channel, channel_known, g):
    """Add `grad` (pixels, channels) to the four pixels of every position, which may coincide."""
    top, left = tl.floor(y).to(tl.int32), tl.floor(x).to(tl.int32)
    fy, fx = (y - tl.floor(y))[:, None], (x - tl.floor(x))[:, None]
    for below in tl.static_range(2):
        weight_y = fy if below else 1 - fy
        for right in tl.static_range(2):
            weight_x = fx if right else 1 - fx
            index, inside = _corner(pixel, top + below, left + right, channel, channel_known, g)
            part = grad * (weight_y * weight_x)
            tl.atomic_add(grad_input + index, part, mask=inside, sem="relaxed")
