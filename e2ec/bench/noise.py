"""How far the other rows can be trusted: the same call on both sides."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from e2ec.bench.row import Row


def rows() -> Iterator[Row]:
    """A convolution of some 20 ms and an addition of a few microseconds."""
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(1, 64, 128, 128, generator=generator)
    weight = torch.randn(64, 64, 3, 3, generator=generator)
    small = torch.randn(64, 16, 32, generator=generator)

    def convolve() -> torch.Tensor:
        return torch.nn.functional.conv2d(image, weight, padding=1)

    def add() -> torch.Tensor:
        return small + small

    both = "the same call on both sides: its ratio is 1 but for the noise"
    yield Row("conv2d against itself", both, convolve, {"itself": convolve})
    yield Row("addition against itself", both, add, {"itself": add})
