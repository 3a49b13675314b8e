"""Batches that move from the loader's workers to the device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from operator import methodcaller
from typing import Any, TypeVar

import torch

Kind = TypeVar("Kind", bound="MovingBatch")


class MovingBatch:
    """A dataclass whose tensors, and those of fields that have a `map`, move together."""

    def to(self: Kind, device: torch.device | str, *, non_blocking: bool = True) -> Kind:
        """The batch with all tensors on a device."""
        return self._map(methodcaller("to", device, non_blocking=non_blocking))

    def pin_memory(self: Kind) -> Kind:
        """The batch in page-locked memory: copies from there to a GPU need not wait."""
        return self._map(methodcaller("pin_memory"))

    def _map(self: Kind, change: Callable[[torch.Tensor], torch.Tensor]) -> Kind:
        changed: dict[str, Any] = {}
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if isinstance(value, torch.Tensor):
                changed[field.name] = change(value)
            elif hasattr(value, "map"):
                changed[field.name] = value.map(change)
        return replace(self, **changed)  # type: ignore[type-var]
