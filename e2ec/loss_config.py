"""The settings of the losses and their weights; loads no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from e2ec.contour_loss_config import ContourLossConfig
from e2ec.data_config import require
from e2ec.mask_config import MaskLossConfig

_DISTANCE = ("matching_distance",)
_MATCHING = ("matching_directions", "matching_average", "matching_stages")
_CHOICES = {
    "last_stage": ("matching", "smooth_l1", "chamfer"),
    "matching_distance": ("smooth_l1", "l1"),
    "matching_directions": ("both", "to_boundary", "from_keys"),
    "matching_average": ("keys", "contours"),
    "matching_stages": ("last", "all"),
}
"""What they may be, the default first."""


@dataclass(frozen=True)
class LossConfig:
    """Losses and their weights (paper sec. 4; published and paper variants)."""

    center_weight: float = 1.0
    """Weight of the centre heat map's focal loss."""
    initial_weight: float = 0.1
    """Weight of the initial contour's smooth L1."""
    coarse_weight: float = 0.1
    """Weight of the coarse contour's smooth L1."""
    refinement_weight: float = 1.0
    """Weight of the refinement's losses."""
    parts_weight: float = 1.0
    """Weight of the part votes' loss, where model.multi_component asks for them."""
    contour_weight: float = 0.0
    """Weight of a loss of masks on the contours of one stage, see `contour`; 0 leaves it out."""
    steps_weight: float = 0.0
    """Weight of smooth L1 between the edges of the last refinement and of its label, vertex i to
    vertex i + 1: against jagged contours; 0 leaves it out."""
    distillation_weight: float = 0.0
    """Weight of a loss against what the moving average of the weights (train.ema_decay) says of the
    same batch: its last contours and its heat map are a second target; 0 leaves it out."""
    distillation_start: float = 0.333
    """That loss sets in after this share of the run's epochs, in the last one at the latest."""
    boundary_map_weight: float = 1.0
    """Weight of the boundary map's focal loss, where model.boundary_map asks for it."""
    sharp_weight: float = 10.0
    """Weight of the loss of SharpContour's classifier, where model.sharp asks for it."""
    contour_iou_weight: float = 1.0
    """Weight of the loss of predicted IoUs, where model.contour_iou asks for them."""
    average_refinements: bool = True
    """True divides the refinement's losses by the number of modules, as published; False sums
    them, as in the paper's equation 10."""
    last_stage: Literal["matching", "smooth_l1", "chamfer"] = "matching"
    """What supervises the last refinement from matching_start_epoch on, smooth L1 before:
    the dynamic matching loss, smooth L1 as before, or the symmetric Chamfer distance between
    contour and label, which knows no order of vertices (docs/matching.md)."""
    matching_start_epoch: int = 10
    """The loss that last_stage names replaces smooth L1 at the last module from this epoch on."""
    matching_distance: Literal["smooth_l1", "l1"] = "smooth_l1"
    """Distance inside the dynamic matching loss: smooth_l1 as published, l1 as in the paper; that
    inside the Chamfer distance as well."""
    matching_directions: Literal["both", "to_boundary", "from_keys"] = "both"
    """Which half of the dynamic matching loss counts: predicted vertices to the label's boundary,
    the label's key vertices to predicted ones, or the mean of both."""
    matching_average: Literal["keys", "contours"] = "keys"
    """How key vertices are averaged: over all of the step as published, or over those of every
    contour first, so that large objects, which have more of them, do not outweigh small ones."""
    matching_stages: Literal["last", "all"] = "last"
    """The dynamic matching loss supervises the last refinement alone, or all of them."""
    contour: ContourLossConfig = field(default_factory=ContourLossConfig)
    mask: MaskLossConfig = field(default_factory=MaskLossConfig)

    def __post_init__(self) -> None:
        for name, weight in vars(self).items():
            if name.endswith("_weight"):
                require(weight >= 0, f"loss.{name} must not be negative")
        start = self.distillation_start
        require(0 <= start <= 1, "loss.distillation_start must lie in [0, 1]")
        self._check_matching()

    def _check_matching(self) -> None:
        """Refuse choices that nothing would come of."""
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            require(
                value in choices,
                f"loss.{name} must be one of {', '.join(choices)}, not {value!r}",
            )
        idle = {"matching": (), "chamfer": _MATCHING, "smooth_l1": (*_MATCHING, *_DISTANCE)}
        for name in idle[self.last_stage]:
            value = getattr(self, name)
            require(
                value == _CHOICES[name][0],
                f"loss.{name} {value} has no effect with loss.last_stage {self.last_stage}",
            )
        require(
            self.matching_directions != "to_boundary" or self.matching_average == "keys",
            "loss.matching_average contours has no effect with loss.matching_directions "
            "to_boundary, which leaves the key vertices out",
        )
