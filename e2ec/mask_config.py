"""The settings of the mask family: its networks and losses; loads neither torch nor torchvision.

Mask R-CNN, Mask Scoring R-CNN, BMask R-CNN and SEANet differ in their settings alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import ClassVar, Literal, get_args

from e2ec.data_config import require
from e2ec.model_config import BaseModelConfig
from network.mask.settings import Backbone, DetectorSettings, MaskNetworkSettings
from network.sharp.settings import SharpSettings

BoundaryLoss = Literal["dice_bce", "dice", "bce", "weighted_bce"]

_OF_HEADS = {
    "box_iou": ("box_head", ("fcn",)),
    "box_convolutions": ("box_head", ("fcn",)),
    "mask_convolutions": ("mask_head", ("plain", "sobel")),
    "boundary": ("mask_head", ("boundary",)),
    "attention": ("mask_head", ("attention",)),
}
"""Settings of one kind of head: another value than the usual one would do nothing elsewhere."""


@dataclass(frozen=True)
class MaskConfig(DetectorSettings, BaseModelConfig):
    """A detector with masks."""

    FAMILY: ClassVar[str] = "e2ec.families.mask.family:MASK"
    """See `BaseModelConfig.FAMILY`."""

    architecture: Backbone = "resnet50"
    """The backbone, with a feature pyramid on top."""
    sharp: SharpSettings = field(default_factory=SharpSettings)
    """The stage after the masks, SharpContour, on the finest map of the pyramid."""

    def __post_init__(self) -> None:
        super().__post_init__()
        named = get_args(Backbone)
        require(
            self.architecture in named,
            f"model.architecture must be one of {', '.join(named)}, not {self.architecture!r}",
        )
        usual = DetectorSettings()
        for name, (kind, wanted) in _OF_HEADS.items():
            require(
                getattr(self, name) == getattr(usual, name) or getattr(self, kind) in wanted,
                f"model.{name} says something of heads that this network does not have: it goes "
                f"with model.{kind} {' or '.join(wanted)}, not {getattr(self, kind)}",
            )

    def network(self) -> MaskNetworkSettings:
        """What the network is built from."""
        values = {one.name: getattr(self, one.name) for one in fields(DetectorSettings)}
        return MaskNetworkSettings(backbone=self.architecture, **values)


@dataclass(frozen=True)
class MaskLossConfig:
    """Weights of the losses of detectors with masks; those of SharpContour and of the contour loss
    are beside them, `loss.sharp_weight` and `loss.contour_weight`."""

    objectness_weight: float = 1.0
    """Of the proposals: whether an anchor is on an object."""
    rpn_box_weight: float = 1.0
    """Of the proposals: where it is."""
    class_weight: float = 1.0
    """Of the box head's classes (SEANet's lambda 1)."""
    box_weight: float = 1.0
    """Of the box head's boxes (lambda 2)."""
    box_iou_weight: float = 0.5
    """Of SEANet's B-IoU branch (lambda 3), where model.box_iou asks for it."""
    mask_weight: float = 1.0
    """Of the masks (lambda 4)."""
    edge_weight: float = 1.0
    """Of SEANet's edges (lambda 5)."""
    boundary_weight: float = 1.0
    """Of BMask R-CNN's boundaries (its sec. 3.3)."""
    mask_iou_weight: float = 1.0
    """Of Mask Scoring R-CNN's mask IoU, where model.mask_iou asks for it."""
    boundary: BoundaryLoss = "dice_bce"
    """Loss of the boundaries: Dice and binary cross-entropy added, or one of them, or the
    cross-entropy with weights that balance boundary and background (BMask R-CNN, table 7)."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if name.endswith("_weight"):
                require(value >= 0, f"loss.mask.{name} must not be negative")
        kinds = get_args(BoundaryLoss)
        require(
            self.boundary in kinds,
            f"loss.mask.boundary must be one of {', '.join(kinds)}, not {self.boundary!r}",
        )
