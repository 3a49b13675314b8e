"""Precisions by name, and places that keep full precision under autocast."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch
from torch import Tensor

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def full_precision(device: torch.device) -> AbstractContextManager[object]:
    """A region without autocast: coordinates and logits need all digits."""
    return torch.autocast(device.type, enabled=False)


def at_least_float32(values: Tensor) -> Tensor:
    """The values in float32, or in float64 if they are."""
    return values.float() if values.dtype.itemsize < 4 else values
