"""Deformable convolution on the CPU against torchvision's and against an ordinary convolution."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from e2ec.bench.row import Row
from lib.ops import deform_conv2d

try:
    from torchvision.ops import (  # type: ignore[import-not-found, unused-ignore]
        deform_conv2d as torchvision_deform_conv2d,
    )
except ImportError:
    torchvision_deform_conv2d = None

TORCHVISION, CONV2D = "torchvision deform_conv2d", "plain conv2d"
Call = Callable[[], object]
Operator = Callable[["Tensors"], Tensor]


@dataclass(frozen=True)
class Shape:
    """A 3x3 convolution with padding 1, and the speed asked of it in float32."""

    channels: int
    out_channels: int
    size: int
    forward_goal: float
    training_goal: float

    def __str__(self) -> str:
        return f"{self.channels}->{self.out_channels} {self.size}x{self.size}"


SHAPES = (
    Shape(64, 64, 128, forward_goal=15, training_goal=15),
    Shape(128, 64, 64, forward_goal=10, training_goal=15),
    Shape(256, 128, 32, forward_goal=6, training_goal=12),
)


@dataclass(frozen=True)
class Tensors:
    """Arguments of one deformable convolution; an ordinary one leaves out offset and mask."""

    input: Tensor
    offset: Tensor
    weight: Tensor
    bias: Tensor
    mask: Tensor

    @classmethod
    def random(cls, shape: Shape, dtype: torch.dtype, trained: bool) -> Tensors:
        """A batch of one; offsets of two pixels or so."""
        generator = torch.Generator().manual_seed(0)

        def normal(*sizes: int, scale: float = 1.0) -> Tensor:
            values = torch.randn(*sizes, generator=generator) * scale
            return values.to(dtype).requires_grad_(trained)

        extent = (shape.size, shape.size)
        scale = (9 * shape.channels) ** -0.5
        return cls(
            normal(1, shape.channels, *extent),
            normal(1, 18, *extent, scale=2.0),
            normal(shape.out_channels, shape.channels, 3, 3, scale=scale),
            normal(shape.out_channels),
            normal(1, 9, *extent).detach().sigmoid().requires_grad_(trained),
        )

    def all(self) -> tuple[Tensor, ...]:
        """Every tensor, for their gradients."""
        return self.input, self.offset, self.weight, self.bias, self.mask


def rows() -> Iterator[Row]:
    """Forward and forward + backward of every shape in float32, then in bfloat16."""
    for dtype in (torch.float32, torch.bfloat16):
        for shape in SHAPES:
            for trained in (False, True):
                yield _row(shape, dtype, trained)


def _row(shape: Shape, dtype: torch.dtype, trained: bool) -> Row:
    tensors = Tensors.random(shape, dtype, trained)
    timed = _forward_backward if trained else _forward
    peers = {CONV2D: timed(_conv2d, tensors)}
    if torchvision_deform_conv2d is not None:
        peers = {TORCHVISION: timed(_torchvision, tensors), **peers}
    work = "forward+backward" if trained else "forward"
    includes = f"one call, {work}, from and to NCHW tensors"
    if dtype != torch.float32:
        includes += "; torchvision with its conversions to float32 and back, as under autocast"
    goal = shape.training_goal if trained else shape.forward_goal
    return Row(
        name=f"deform_conv2d {work} {shape} {str(dtype).removeprefix('torch.')}",
        includes=includes,
        ours=timed(_ours, tensors),
        peers=peers,
        goal=goal if torchvision_deform_conv2d is not None else None,
        missing=() if torchvision_deform_conv2d is not None else (TORCHVISION,),
    )


def _ours(t: Tensors) -> Tensor:
    return deform_conv2d(t.input, t.offset, t.weight, t.bias, t.mask, padding=1)


def _torchvision(t: Tensors) -> Tensor:
    image, offset, weight, bias, mask = (tensor.float() for tensor in t.all())
    output = torchvision_deform_conv2d(image, offset, weight, bias, padding=(1, 1), mask=mask)
    return output.to(t.input.dtype)


def _conv2d(t: Tensors) -> Tensor:
    return conv2d(t.input, t.weight, t.bias, padding=1)


def _forward(operator: Operator, tensors: Tensors) -> Call:
    def call() -> Tensor:
        with torch.inference_mode():
            return operator(tensors)

    return call


def _forward_backward(operator: Operator, tensors: Tensors) -> Call:
    with torch.no_grad():
        grad = torch.ones_like(operator(tensors))

    def call() -> None:
        for tensor in tensors.all():
            tensor.grad = None
        operator(tensors).backward(grad)

    return call
