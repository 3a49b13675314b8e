"""The settings of the losses and their weights; loads no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from e2ec.contour_loss_config import ContourLossConfig
from e2ec.data_config import require
from e2ec.mask_config import MaskLossConfig


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
    sharp_weight: float = 10.0
    """Weight of the loss of SharpContour's classifier, where model.sharp asks for it."""
    contour_iou_weight: float = 1.0
    """Weight of the loss of predicted IoUs, where model.contour_iou asks for them."""
    average_refinements: bool = True
    """True divides the refinement's losses by the number of modules, as published; False sums
    them, as in the paper's equation 10."""
    matching_start_epoch: int = 10
    """The dynamic matching loss replaces smooth L1 at the last module from this epoch on."""
    matching_distance: Literal["smooth_l1", "l1"] = "smooth_l1"
    """Distance inside the dynamic matching loss: smooth_l1 as published, l1 as in the paper."""
    contour: ContourLossConfig = field(default_factory=ContourLossConfig)
    mask: MaskLossConfig = field(default_factory=MaskLossConfig)

    def __post_init__(self) -> None:
        names = "center initial coarse refinement parts contour sharp contour_iou"
        for name in names.split():
            weight = getattr(self, f"{name}_weight")
            require(weight >= 0, f"loss.{name}_weight must not be negative")
