"""SharpContour's numbers: plain settings, read where no torch is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Movement = Literal["classify", "offset", "distance"]
"""How a vertex finds its way: by the classifier's flips, or, the regression baselines of the
paper's table 9, by an offset vector (Reg. 1) or by a distance along its normal (Reg. 2)."""


@dataclass(frozen=True)
class EvolutionSettings:
    """How contours move at test time (paper sec. 3.1 and 4.1)."""

    step: float = 0.003
    """The deformation ratio lambda: a step's length over the root of the box's area and the
    classifier's certainty."""
    max_steps: int = 10
    """M: at most so many steps of a vertex in an iteration."""
    iterations: int = 3
    """n: so often normals and steps are found anew."""
    vertices: int = 128
    """N: edges are divided until a contour has at least so many vertices."""
    adaptive: bool = True
    """Shorter steps where the classifier is less certain; without, all steps are as long as those
    of full certainty (table 5)."""

    def __post_init__(self) -> None:
        if not 0 < self.step <= 1:
            raise ValueError(f"step must lie in (0, 1], not {self.step}")
        limits = {"max_steps": (1, 100), "iterations": (1, 20), "vertices": (3, 4096)}
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} must lie between {low} and {high}, not {value}")


@dataclass(frozen=True, kw_only=True)
class ClassifierSizes:
    """Sizes of the point classifier and of its controller."""

    fine_channels: int = 16
    """Channels of the fine feature (paper sec. 3.2)."""
    hidden: int = 16
    """Width of the classifier's three hidden layers."""
    grid: int = 7
    """The controller sees grid x grid samples across the instance's box."""
    controller: int = 256
    """Width of the controller's two hidden layers."""


@dataclass(frozen=True)
class SharpSettings:
    """The stage after the last refinement: SharpContour (docs/boundaries.md)."""

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
        if self.training not in ("off", "joint", "alone"):
            raise ValueError(f"training must be off, joint or alone, not {self.training!r}")
        if self.movement not in get_args(Movement):
            raise ValueError(f"movement must be one of {', '.join(get_args(Movement))}")
        if not 1 <= self.points <= 4096:
            raise ValueError(f"points must lie between 1 and 4096, not {self.points}")
        if not 0 < self.spread <= 1:
            raise ValueError(f"spread must lie in (0, 1], not {self.spread}")
        if not 0 <= self.box_jitter < 0.5:
            raise ValueError(f"box_jitter must lie in [0, 0.5), not {self.box_jitter}")
