"""What the Triton kernels of the deformable convolution share: positions and bilinear samples.

Blocks of output pixels are sampled tile by tile into registers (pixels, channels of one tap) and
multiplied there: no column buffer is written to memory. Tensors are read with the channels
innermost, so that the channels of one pixel lie side by side.

Output pixels are numbered through the batch (`total` of them). A *segment* is the longest run of
channels that lies in one weight group and in one offset group whatever the numbers of groups are.
Positions, interpolation and all sums are float32. Sizes end in `_y`, `_x`; `group_channels` and
`group_outputs` are the input and output channels of one weight group.

Pixels and elements of the weight are counted in int32, elements of everything else in int64;
`triton_deform_conv2d` leaves larger counts to the reference.
"""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def position(
    offset,
    mask,
    pixel,
    total,
    tap,
    offset_group,
    height,
    width,
    out_width,
    out_pixels,
    taps,
    kernel_width,
    offset_groups,
    stride_y,
    stride_x,
    padding_y,
    padding_x,
    dilation_y,
    dilation_x,
):
    """Where a tap samples for each pixel: y, x and factor; y = x = -2 if it cannot touch the image.

    The three have shape (pixels,); the padding of the last block counts as outside.
    """
    known = pixel < total
    image = (pixel // out_pixels).to(tl.int64)
    place = pixel % out_pixels
    channel = (image * offset_groups + offset_group) * taps + tap
    dy = tl.load(offset + 2 * channel * out_pixels + place, mask=known, other=0.0)
    dx = tl.load(offset + (2 * channel + 1) * out_pixels + place, mask=known, other=0.0)
    row = place // out_width * stride_y - padding_y + tap // kernel_width * dilation_y
    column = place % out_width * stride_x - padding_x + tap % kernel_width * dilation_x
    y = row.to(tl.float32) + dy.to(tl.float32)
    x = column.to(tl.float32) + dx.to(tl.float32)
    inside = known & (y >= -1) & (y < height) & (x >= -1) & (x < width)  # not if NaN
    factor = tl.full(y.shape, 1.0, tl.float32)
    if mask is not None:
        factor = tl.load(mask + channel * out_pixels + place, mask=known, other=0.0)
    return tl.where(inside, y, -2.0), tl.where(inside, x, -2.0), factor.to(tl.float32)


@triton.jit
def corner(pixel, row, column, channel, channel_known, height, width, channels, out_pixels):
    """Index (pixels, channels) into an image (B, H, W, C) for one corner, and which are inside."""
    image = (pixel // out_pixels).to(tl.int64)
    inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    index = ((image * height + row) * width + column) * channels
    return index[:, None] + channel[None, :], inside[:, None] & channel_known[None, :]


@triton.jit
def pixels(input, pixel, y, x, channel, channel_known, height, width, channels, out_pixels):
    """The four pixels around each position, (pixels, channels) float32: top left, top right,
    bottom left, bottom right; zero outside the image."""
    top, left = tl.floor(y).to(tl.int32), tl.floor(x).to(tl.int32)
    index, inside = corner(
        pixel, top, left, channel, channel_known, height, width, channels, out_pixels
    )
    top_left = tl.load(input + index, mask=inside, other=0.0).to(tl.float32)
    index, inside = corner(
        pixel, top, left + 1, channel, channel_known, height, width, channels, out_pixels
    )
    top_right = tl.load(input + index, mask=inside, other=0.0).to(tl.float32)
    index, inside = corner(
        pixel, top + 1, left, channel, channel_known, height, width, channels, out_pixels
    )
    bottom_left = tl.load(input + index, mask=inside, other=0.0).to(tl.float32)
    index, inside = corner(
        pixel, top + 1, left + 1, channel, channel_known, height, width, channels, out_pixels
    )
    bottom_right = tl.load(input + index, mask=inside, other=0.0).to(tl.float32)
    return top_left, top_right, bottom_left, bottom_right


@triton.jit
def bilinear(y, x, top_left, top_right, bottom_left, bottom_right):
    """Values (pixels, channels) at y, x (pixels,) between their four pixels."""
    fy, fx = (y - tl.floor(y))[:, None], (x - tl.floor(x))[:, None]
    top = top_left * (1 - fx) + top_right * fx
    bottom = bottom_left * (1 - fx) + bottom_right * fx
    return top * (1 - fy) + bottom * fy
