"""Vertices walk until their classifier flips: definition, wrapper, plain version, fake.

An iteration of SharpContour's evolution (its sec. 3.1) and its point classifier (sec. 3.2) in one.
For prediction in float32 on a CPU: a vertex whose state has flipped asks no further, and most flip
within a few steps.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

torch.library.define(
    "e2ec::walk_to_flip",
    "(Tensor fine, Tensor parameters, int[] widths, Tensor boxes, Tensor image_index,"
    " Tensor points, Tensor normals, Tensor resting, int stride, float step, int max_steps,"
    " bool adaptive) -> (Tensor, Tensor)",
)


def walk_to_flip(
    fine: Tensor,
    parameters: Tensor,
    boxes: Tensor,
    image_index: Tensor,
    points: Tensor,
    normals: Tensor,
    resting: Tensor,
    *,
    widths: Sequence[int],
    stride: int,
    step: float,
    max_steps: int,
    adaptive: bool,
) -> tuple[Tensor, Tensor]:
    """Where the vertices stop, and which of them have flipped.

    A vertex inside walks along its normal, one outside against it, in steps of step * sqrt(area of
    the box) * |phi - 0.5|, until it is on the other side, at most `max_steps` times. phi is the
    sigmoid of what the instance's MLP makes of the fine feature at the point (bilinear, zeros
    outside, the map's cell i centred at i + 0.5) and of the point's place in the box, from -1 to 1;
    outside of the map phi is 1. Not differentiable.

    Args:
        fine: (B, C, h, w) float32; channels last is read as it lies.
        parameters: (r, p) float32, layer by layer the weight (outputs, inputs) and the bias.
        boxes: (r, 4) float32 x0, y0, x1, y1, input pixels.
        image_index: (r,) int64, the image of every ring.
        points: (r, N, 2) float32, x then y, input pixels.
        normals: (r, N, 2) float32, unit vectors that point out of the object.
        resting: (r, N) bool, the vertices that stay where they are and are not asked about.
        widths: of the MLP, from C + 2 inputs to 1 output; between its layers there are ReLUs.
        stride: input pixels a cell of the map.
        step: a step's length over the root of the box's area and the certainty.
        max_steps: at most so many steps a vertex.
        adaptive: whether certainty is |phi - 0.5|; 0.5 otherwise.

    Returns:
        Points (r, N, 2), and (r, N) bool.

    Raises:
        RuntimeError: the tensors do not fit each other.
    """
    moved, flipped = torch.ops.e2ec.walk_to_flip(
        fine,
        parameters,
        widths,
        boxes,
        image_index,
        points,
        normals,
        resting,
        stride,
        step,
        max_steps,
        adaptive,
    )
    return moved, flipped


def plain_walk_to_flip(
    fine: Tensor,
    parameters: Tensor,
    widths: Sequence[int],
    boxes: Tensor,
    image_index: Tensor,
    points: Tensor,
    normals: Tensor,
    resting: Tensor,
    stride: int,
    step: float,
    max_steps: int,
    adaptive: bool,
) -> tuple[Tensor, Tensor]:
    """The same in plain PyTorch: all vertices walk together, step by step."""

    def outside_logits(at: Tensor) -> Tensor:
        return _logits(fine, parameters, widths, boxes, image_index, at, stride)

    logits = outside_logits(points)
    outside = logits > 0
    certainty = (logits.sigmoid() - 0.5).abs() if adaptive else torch.full_like(logits, 0.5)
    size = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1).sqrt()
    length = step * size[:, None] * certainty
    way = normals * torch.where(outside, -length, length)[..., None]
    walking, flipped = ~resting, torch.zeros_like(resting)
    count = torch.zeros_like(logits)
    for number in range(1, max_steps + 1):
        count = torch.where(walking, number, count)
        flips = (outside_logits(points + way * number) > 0) != outside
        flipped = flipped | (walking & flips)
        walking = walking & ~flips
    moved = torch.where(resting[..., None], points, points + way * count[..., None])
    return moved, flipped


def _logits(
    fine: Tensor,
    parameters: Tensor,
    widths: Sequence[int],
    boxes: Tensor,
    image_index: Tensor,
    points: Tensor,
    stride: int,
) -> Tensor:
    """What the MLPs say of points (r, N, 2), (r, N): above 0 is outside; infinite off the map."""
    size = points.new_tensor([fine.shape[3], fine.shape[2]]) * stride
    grid = 2 * points / size - 1
    sampled = [
        F.grid_sample(fine[image, None], grid[row, None, None], align_corners=False)[0, :, 0].T
        for row, image in enumerate(image_index.tolist())
    ]
    low, high = boxes[:, None, :2], boxes[:, None, 2:]
    place = (2 * points - low - high) / (high - low).clamp(min=1e-3)
    rows = torch.stack(sampled) if sampled else points.new_zeros(*points.shape[:2], fine.shape[1])
    x = torch.cat([rows, place], dim=2)
    first = 0
    for inputs, outputs in itertools.pairwise(widths):
        weight, bias = parameters[:, first:].split(
            [inputs * outputs, parameters.shape[1] - first - inputs * outputs], dim=1
        )
        x = x @ weight.unflatten(1, (outputs, inputs)).mT + bias[:, None, :outputs]
        first += (inputs + 1) * outputs
        if first < parameters.shape[1]:
            x = x.relu()
    within = ((points >= 0) & (points <= size)).all(dim=2)
    return torch.where(within, x[..., 0], torch.inf)


torch.library.impl("e2ec::walk_to_flip", "default", plain_walk_to_flip)


@torch.library.register_fake("e2ec::walk_to_flip")
def _(
    fine: Tensor,
    parameters: Tensor,
    widths: Sequence[int],
    boxes: Tensor,
    image_index: Tensor,
    points: Tensor,
    normals: Tensor,
    resting: Tensor,
    *numbers: object,
) -> tuple[Tensor, Tensor]:
    return torch.empty_like(points, memory_format=torch.contiguous_format), torch.empty_like(
        resting, memory_format=torch.contiguous_format
    )
