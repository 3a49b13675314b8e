"""Arithmetic of fewer bits for prediction, and the places that keep full precision."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def full_precision(device: torch.device) -> AbstractContextManager[object]:
    """A region in which autocast lowers nothing: coordinates and logits need all digits."""
    return torch.autocast(device.type, enabled=False)


def at_least_float32(values: Tensor) -> Tensor:
    """Coordinates keep full precision, and logits of neighbouring cells do not tie."""
    return values.float() if values.dtype.itemsize < 4 else values


def lower_convolutions(module: nn.Module, dtype: torch.dtype) -> None:
    """Convert the weights of all convolutions below `module` in place.

    Under autocast they would be converted anew in every call.
    """
    for child in module.modules():
        if isinstance(child, (nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d)):
            child.to(dtype)
