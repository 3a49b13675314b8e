"""What the batches and losses of a family look like to the engine."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor


class Batch(Protocol):
    """Examples stacked. All tensors move together, from the loader's workers to the device."""

    @property
    def images(self) -> Tensor:
        """(B, 3, h, w) uint8, RGB."""

    @property
    def names(self) -> list[str]:
        """File names of the images, for messages."""

    def to(self, device: torch.device | str) -> Batch:
        """The batch with all tensors on a device."""

    def pin_memory(self) -> Batch:
        """The batch in page-locked memory: copies from there to a GPU need not wait."""


class Loss(Protocol):
    """The losses of a family, with the weights that the settings give them."""

    def counts(self, batch: Any) -> Tensor:
        """What the sums are divided by, as a vector: the engine adds it up over micro-batches and
        processes, so that neither changes the result."""

    def __call__(self, output: Any, batch: Any, counts: Tensor, *, epoch: int) -> dict[str, Tensor]:
        """Losses by name, including the weighted sum `total`.

        Args:
            output: of `Family.forward`.
            batch: the labels that belong to it.
            counts: of the whole step; may hold zeros.
            epoch: counted from 0.
        """
