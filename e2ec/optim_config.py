"""The settings of the optimiser and its schedule; loads no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from e2ec.data_config import require

CLIP_VALUE = 40.0
"""The published limit of gradients."""


@dataclass(frozen=True)
class OptimConfig:
    """Optimiser and learning rate."""

    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    """Adam and SGD take the weight decay into the gradient, as published; AdamW decouples it."""
    lr: float = 1e-4
    """Learning rate at its highest."""
    weight_decay: float = 5e-4
    """Weight decay."""
    momentum: float = 0.9
    """Momentum of SGD."""
    schedule: Literal["step", "cosine"] = "step"
    """step: times `factor` at each milestone; cosine: down to zero at the end."""
    milestones: tuple[int, ...] = (80, 120)
    """Epochs at which the step schedule lowers the rate."""
    factor: float = 0.5
    """What the step schedule multiplies by."""
    warmup_steps: int = 0
    """Optimiser steps of linear warm-up."""
    clip_value: float = CLIP_VALUE
    """Every value of a gradient is clipped to +-this; 0 turns clipping off."""
    clip_norm: float = 0.0
    """The gradient of all parameters together is scaled down to at most this Euclidean norm, in
    place of `clip_value`; 0 turns it off."""

    def __post_init__(self) -> None:
        for name in ("lr", "factor"):
            require(getattr(self, name) > 0, f"optim.{name} must be positive")
        for name in ("weight_decay", "warmup_steps", "clip_value", "clip_norm"):
            require(getattr(self, name) >= 0, f"optim.{name} must not be negative")
        require(
            self.clip_norm == 0 or self.clip_value in (0, CLIP_VALUE),
            "optim.clip_norm takes the place of optim.clip_value; set one of them",
        )

    @classmethod
    def rcnn(cls, lr: float, milestones: tuple[int, ...]) -> OptimConfig:
        """SGD as Mask R-CNN is trained with: a short warm-up, a tenth of the rate from each
        milestone on, gradients as they are."""
        return cls(
            optimizer="sgd",
            lr=lr,
            weight_decay=1e-4,
            milestones=milestones,
            factor=0.1,
            warmup_steps=500,
            clip_value=0.0,
        )
