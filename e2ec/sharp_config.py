"""The settings of SharpContour's training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from e2ec.data_config import require
from network.sharp.settings import Movement


@dataclass(frozen=True)
class SharpConfig:
    """The stage after the last refinement: SharpContour (docs/method.md)."""

    training: Literal["off", "joint", "alone"] = "off"
    """joint: learn the stage with all the rest; alone: the stage only, on weights that stay as they
    are (--model.weights); off: a network without it."""
    movement: Movement = "classify"
    """How vertices find their way: classify is the method; offset and distance are its two
    regression baselines."""
    points: int = 64
    """Labelled points near the boundary of every contour in training."""
    spread: float = 0.05
    """How far from the boundary they lie: the standard deviation as a part of the root of the box's
    area; a pixel at least."""
    box_jitter: float = 0.05
    """The sides of the boxes that the stage is told in training are this far off at most, as a
    part of the box: predicted boxes are never exact."""

    def __post_init__(self) -> None:
        require(1 <= self.points <= 4096, "model.sharp.points must lie between 1 and 4096")
        require(0 < self.spread <= 1, "model.sharp.spread must lie in (0, 1]")
        require(0 <= self.box_jitter < 0.5, "model.sharp.box_jitter must lie in [0, 0.5)")
