"""What networks of the mask family are built from: plain numbers, readable without torchvision."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Backbone = Literal["resnet18", "resnet50", "resnet101", "resnext101_32x8d", "resnext101_64x4d"]
BoxHeadKind = Literal["fc", "fcn"]
MaskHeadKind = Literal["plain", "boundary", "sobel", "attention"]
Normalization = Literal["frozen", "batch"]
WIDTH = 256
"""Channels of the pyramid and of the mask heads."""


@dataclass(frozen=True)
class BoundaryHeadSettings:
    """The boundary-preserving mask head (BMask R-CNN, sec. 3.2) and its ablations."""

    mask_to_boundary: bool = True
    """Mask features are added to the boundary features (table 6)."""
    boundary_to_mask: bool = True
    """Boundary features are added to the mask features (table 6)."""
    source: Literal["finest", "pyramid"] = "finest"
    """Boundary features come from P2, or from the level of the proposal (table 5)."""
    size: Literal[14, 28] = 28
    """Cells a side of the boundary features (table 5)."""
    supervision: Literal["boundary", "mask", "none"] = "boundary"
    """What the boundary predictor learns (table 4)."""


@dataclass(frozen=True)
class AttentionHeadSettings:
    """SEANet's mask head (sec. 3.2) and its ablations."""

    channel_attention: bool = True
    """Channel attention beside the convolutions, concatenated to their result."""
    edge_attention: bool = True
    """The edge attention module."""
    edge_supervision: bool = True
    """Its edge prediction learns the labels' edges (table 4)."""
    fusion: Literal["sum", "concat"] = "sum"
    """How edge attention joins the mask features (table 4)."""
    reduction: int = 16
    """Of the channels inside the channel attention."""

    def __post_init__(self) -> None:
        if not 1 <= self.reduction <= WIDTH:
            raise ValueError(f"attention.reduction must lie between 1 and {WIDTH}")


@dataclass(frozen=True)
class DetectorSettings:
    """A network of the mask family, its backbone aside."""

    trainable_layers: int = 3
    """Stages of the backbone that learn, from the last one on; 0 to 5."""
    normalization: Normalization = "frozen"
    """Of the backbone. frozen: the statistics that its weights bring with them; batch: statistics
    of its own, which random weights need."""
    anchor_sizes: tuple[int, ...] = (32, 64, 128, 256, 512)
    """Root of the area of the anchors of every level, input pixels, the finest level first."""
    proposals: int = 1000
    """Proposals an image at test; twice as many before suppression in training, as torchvision."""
    samples: int = 512
    """Proposals an image that the heads learn from."""
    box_head: BoxHeadKind = "fc"
    """fc: Mask R-CNN's; fcn: SEANet's fully convolutional one."""
    box_iou: bool = True
    """SEANet's B-IoU branch, where the box head is fcn."""
    box_convolutions: int = 5
    """Of every branch of that box head."""
    mask_head: MaskHeadKind = "plain"
    """plain: Mask R-CNN's; boundary, sobel: BMask R-CNN's; attention: SEANet's."""
    mask_convolutions: int = 4
    """Of the plain head; 8 make the larger head of BMask R-CNN's table 8."""
    mask_iou: bool = False
    """Mask Scoring R-CNN's head beside any of them."""
    boundary: BoundaryHeadSettings = field(default_factory=BoundaryHeadSettings)
    attention: AttentionHeadSettings = field(default_factory=AttentionHeadSettings)

    def __post_init__(self) -> None:
        if not 0 <= self.trainable_layers <= 5:
            raise ValueError("trainable_layers must lie between 0 and 5")
        if len(self.anchor_sizes) != 5 or min(self.anchor_sizes) < 1:
            raise ValueError("anchor_sizes must be five sizes, one a level of the pyramid")
        for name in ("proposals", "samples", "box_convolutions", "mask_convolutions"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be positive")


@dataclass(frozen=True)
class MaskNetworkSettings(DetectorSettings):
    """A network of the mask family."""

    backbone: Backbone = "resnet50"
    """With a feature pyramid on top."""
