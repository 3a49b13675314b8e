"""Deformable convolution on a GPU against torchvision's, at the network's layers for 512x512.

Without a CUDA device there are no rows.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from e2ec.bench.operators import Layer, ours, random_tensors, timed, torchvision_peer
from e2ec.bench.row import Row

BATCHES = (1, 16)
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


def _row(layer: Layer, batch: int, dtype: torch.dtype, *, trained: bool) -> Row:
    tensors = random_tensors(layer, batch, dtype, trained, device="cuda")
    what = "forward and backward" if trained else "forward"
    kind = str(dtype).removeprefix("torch.")
    return Row(
        name=f"GPU deform_conv2d {what} {layer} batch {batch} {kind}",
        includes=f"{what}, tensors on the GPU; {layer.count} of the network's 16 layers",
        ours=timed(ours, tensors),
        peers=torchvision_peer(tensors, widened=False),
        goal=1.0,
    )
