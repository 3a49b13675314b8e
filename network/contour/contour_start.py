"""How a network comes to the contour that is refined: learned as in the paper, or from a box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Initial = Literal["learned", "box_octagon", "box_ellipse"]
"""The initial contour: every vertex regressed at the centre (paper sec. 3.1), or width and height
of a box alone, and an octagon or an ellipse in it, as contours began before (Table 1a, baseline).
"""
Activation = Literal["none", "relu"]
"""Between the two linear maps of the global deformation: none in the published network; the paper
calls them an MLP."""


@dataclass(frozen=True)
class ContourStart:
    """The parts of a network before its refinements; by default those of the published network."""

    initial: Initial = "learned"
    """How the initial contour is made."""
    global_deformation: bool = True
    """Whether a global deformation makes a coarse contour of it."""
    global_activation: Activation = "none"
    """What stands between its two linear maps."""
