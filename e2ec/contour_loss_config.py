"""The settings of the losses that compare contours as masks; loads no torch."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from e2ec.data_config import require

MaskLoss = Literal["contour", "dice", "boundary", "edge_mse", "distance_mse"]

_STAGE = re.compile(r"init|coarse|refinements|refine[1-9]\d*")


@dataclass(frozen=True)
class ContourLossConfig:
    """A loss of masks that supervises contours, drawn onto a grid across the box of each label."""

    kind: MaskLoss = "contour"
    """contour: the distance between both contours (Contour loss, eq. 16); edge_mse and distance_mse
    are its alternatives (Table II). dice: overlap. boundary: what differs, times its distance to
    the label's contour."""
    stage: str | None = None
    """What is supervised: init, coarse, refine1, refine2, ...; refinements takes all of those, as
    loss.average_refinements says their mean or their sum. None takes the last refinement."""
    start: float = 0.667
    """It sets in after this share of the run's epochs, in the last one at the latest (paper: 120K
    of 180K iterations)."""
    k: int = 2
    """Steps of the distances of contour and distance_mse: beyond, all are k + 1 cells."""
    grid: int = 32
    """Cells of the grid along x and along y."""
    margin: float = 0.125
    """How far the grid reaches beyond the label's box on each side, as a share of its side."""
    softness: float = 1.0
    """Softness of the drawn contours' edges, in cells; well below 1, few cells feel the contour."""

    def __post_init__(self) -> None:
        require(
            self.kind in get_args(MaskLoss),
            f"loss.contour.kind must be one of {', '.join(get_args(MaskLoss))}, not {self.kind!r}",
        )
        require(
            self.stage is None or _STAGE.fullmatch(self.stage) is not None,
            "loss.contour.stage must be init, coarse, refine1, refine2, ..., or refinements, "
            f"not {self.stage!r}",
        )
        require(0 <= self.start <= 1, "loss.contour.start must lie in [0, 1]")
        require(self.k > 0, "loss.contour.k must be positive")
        require(4 <= self.grid <= 1024, "loss.contour.grid must lie between 4 and 1024")
        require(0 <= self.margin <= 10, "loss.contour.margin must lie in [0, 10]")
        require(self.softness > 0, "loss.contour.softness must be positive")
