"""Deformable convolution on the CPU against torchvision's and against an ordinary convolution."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from e2ec.bench.row import Call, Row, optional
from lib.ops import deform_conv2d

TORCHVISION, CONV2D = "torchvision deform_conv2d", "plain conv2d"
Operator = Callable[..., Tensor]


@dataclass(frozen=True)
class Layer:
    """A 3x3 convolution with padding 1, and how many of the neck's 16 have this shape."""

    channels: int
    outputs: int
    size: int
    count: int = 1

    def __str__(self) -> str:
        return f"{self.channels}->{self.outputs} {self.size}x{self.size}"


# With the speed asked of each in float32, forward and in training.
GOALS = (
    (Layer(64, 64, 128), 15, 15),
    (Layer(128, 64, 64), 10, 15),
    (Layer(256, 128, 32), 6, 12),
)


def rows() -> Iterator[Row]:
    """Forward and forward + backward of every shape in float32, then in bfloat16."""
    for dtype in (torch.float32, torch.bfloat16):
        for layer, forward_goal, training_goal in GOALS:
            yield _row(layer, dtype, forward_goal, trained=False)
            yield _row(layer, dtype, training_goal, trained=True)


def _row(layer: Layer, dtype: torch.dtype, goal: float, *, trained: bool) -> Row:
    tensors = random_tensors(layer, 1, dtype, trained)
    work = "forward+backward" if trained else "forward"
    includes = f"one call, {work}, from and to NCHW tensors"
    if dtype != torch.float32:
        includes += "; torchvision with its conversions to float32 and back, as under autocast"
    return Row(
        name=f"deform_conv2d {work} {layer} {str(dtype).removeprefix('torch.')}",
        includes=includes,
        ours=timed(ours, tensors),
        peers=torchvision_peer(tensors, widened=True) | {CONV2D: timed(_ordinary, tensors)},
        goal=goal,
    )


def random_tensors(
    layer: Layer, batch: int, dtype: torch.dtype, trained: bool, device: str = "cpu"
) -> tuple[Tensor, ...]:
    """input, offset (of two pixels or so), weight, bias, mask; contiguous, which suits the peer."""
    generator = torch.Generator().manual_seed(0)

    def normal(*sizes: int, scale: float = 1.0) -> Tensor:
        return torch.randn(*sizes, generator=generator) * scale

    extent = (layer.size, layer.size)
    tensors = (
        normal(batch, layer.channels, *extent),
        normal(batch, 18, *extent, scale=2.0),
        normal(layer.outputs, layer.channels, 3, 3, scale=(9 * layer.channels) ** -0.5),
        normal(layer.outputs),
        normal(batch, 9, *extent).sigmoid(),
    )
    return tuple(t.to(device, dtype).requires_grad_(trained) for t in tensors)


def timed(operator: Operator, tensors: tuple[Tensor, ...]) -> Call:
    """Forward, and backward to all tensors if they want gradients; waits for a GPU."""
    image, *_ = tensors
    trained = image.requires_grad
    with torch.no_grad():
        grad = torch.ones_like(operator(*tensors)) if trained else None

    def call() -> None:
        with torch.inference_mode(not trained):
            output = operator(*tensors)
        if trained:
            # An ordinary convolution has no use for offset and mask.
            torch.autograd.grad(output, tensors, grad, allow_unused=True)
        if image.is_cuda:
            torch.cuda.synchronize()

    return call


def ours(image: Tensor, offset: Tensor, weight: Tensor, bias: Tensor, mask: Tensor) -> Tensor:
    """The operator of this project."""
    return deform_conv2d(image, offset, weight, bias, mask, padding=1)


def torchvision_peer(tensors: tuple[Tensor, ...], *, widened: bool) -> dict[str, Call | None]:
    """torchvision's operator; `widened` converts to float32 and back."""
    theirs = optional("torchvision.ops", "deform_conv2d")

    def operator(*tensors: Tensor) -> Tensor:
        given = (tensor.float() for tensor in tensors) if widened else tensors
        image, offset, weight, bias, mask = given
        output: Tensor = theirs(image, offset, weight, bias, padding=1, mask=mask)
        return output.to(tensors[0].dtype)

    return {TORCHVISION: timed(operator, tensors) if theirs else None}


def _ordinary(image: Tensor, offset: Tensor, weight: Tensor, bias: Tensor, mask: Tensor) -> Tensor:
    return conv2d(image, weight, bias, padding=1)
