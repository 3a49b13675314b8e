"""The settings of what is done to jagged contours at prediction; loads no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from e2ec.data_config import require

ContourSmoothing = Literal["none", "resample", "smooth"]


@dataclass(frozen=True)
class MendingSettings:
    """How far the filter and the smoothing of contours go (docs/jagged-contours.md)."""

    reversal_factor: float = 2.0
    """eval.contour_filter: a contour with more than this many times the reversals of the stage
    before falls back to that stage."""
    least_reversals: int = 3
    """eval.contour_filter: with fewer reversals a contour stays, whatever the stage before has. An
    object that the image's edge cuts off may have two acute corners, which are none of its faults.
    """
    smoothing_steps: int = 3
    """eval.contour_smoothing smooth: how often vertices are moved towards their neighbours; the
    whole is about a Gaussian with a standard deviation of sqrt(steps / 2) edges."""
    corner_angle: float = 45.0
    """eval.contour_smoothing smooth: where a contour turns by more than this many degrees beyond
    what a circle of as many vertices would, its vertex is a corner and stays."""

    def __post_init__(self) -> None:
        name = "eval.contour_mending"
        require(self.reversal_factor >= 1, f"{name}.reversal_factor must be 1 or more")
        require(self.least_reversals > 0, f"{name}.least_reversals must be positive")
        require(0 < self.smoothing_steps <= 100, f"{name}.smoothing_steps must lie in 1 to 100")
        require(0 < self.corner_angle <= 180, f"{name}.corner_angle must lie in (0, 180]")
