"""Deformable convolution on a GPU against torchvision's, at the network's layers for 512x512.

Without a CUDA device there are no rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from e2ec.bench.row import Row
from lib.ops import deform_conv2d

try:
    from torchvision.ops import (  # type: ignore[import-not-found, unused-ignore]
        deform_conv2d as torchvision_deform_conv2d,
    )
except ImportError:
    torchvision_deform_conv2d = None

Operator = Callable[..., Tensor]
TORCHVISION = "torchvision deform_conv2d"
BATCHES = (1, 16)


@dataclass(frozen=True)
class Layer:
    """A 3x3 deformable convolution of the neck, and how many of its 16 have this shape."""

    channels: int
    outputs: int
    size: int
    count: int


LAYERS = (
    Layer(512, 256, 16, count=1),
    Layer(256, 256, 32, count=1),
    Layer(256, 128, 32, count=2),
    Layer(256, 64, 32, count=1),
    Layer(128, 128, 64, count=2),
    Layer(128, 64, 64, count=4),
    Layer(64, 64, 128, count=5),
)


def rows() -> Iterator[Row]:
    """Forward in float32 and float16, and forward with backward in float32."""
    if not torch.cuda.is_available():
        return
    for layer in LAYERS:
        for batch in BATCHES:
            yield _row(layer, batch, torch.float32, trained=False)
            yield _row(layer, batch, torch.float16, trained=False)
            yield _row(layer, batch, torch.float32, trained=True)


def _row(layer: Layer, batch: int, dtype: torch.dtype, trained: bool) -> Row:
    tensors = _tensors(layer, batch, dtype, trained)
    grad = torch.ones((batch, layer.outputs, layer.size, layer.size), dtype=dtype, device="cuda")

    def timed(operator: Operator) -> Callable[[], object]:
        def run() -> None:
            image, offset, weight, bias, mask = tensors
            with torch.set_grad_enabled(trained):
                output = operator(image, offset, weight, bias, padding=1, mask=mask)
            if trained:
                torch.autograd.grad(output, tensors, grad)
            torch.cuda.synchronize()

        return run

    known = torchvision_deform_conv2d is not None
    what = "forward and backward" if trained else "forward"
    kind = str(dtype).removeprefix("torch.")
    shape = f"{layer.channels}->{layer.outputs} {layer.size}x{layer.size} batch {batch}"
    return Row(
        name=f"GPU deform_conv2d {what} {shape} {kind}",
        includes=f"{what}, tensors on the GPU; {layer.count} of the network's 16 layers",
        ours=timed(deform_conv2d),
        peers={TORCHVISION: timed(torchvision_deform_conv2d)} if known else {},
        goal=1.0,
        missing=() if known else (TORCHVISION,),
    )


def _tensors(layer: Layer, batch: int, dtype: torch.dtype, trained: bool) -> tuple[Tensor, ...]:
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
    return tuple(t.to("cuda", dtype).requires_grad_(trained) for t in tensors)
