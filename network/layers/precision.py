"""Arithmetic of fewer bits for prediction, and the places that keep full precision."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch
from torch import Tensor


def full_precision(device: torch.device) -> AbstractContextManager[object]:
    """A region in which autocast lowers nothing: coordinates and logits need all digits."""
    return torch.autocast(device.type, enabled=False)


def at_least_float32(values: Tensor) -> Tensor:
    """Coordinates keep full precision, and logits of neighbouring cells do not tie."""
    return values.float() if values.dtype.itemsize < 4 else values
