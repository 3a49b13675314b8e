"""The sizes a network is built from, and the two that the project ships: plain numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

from network.sharp.settings import ClassifierSizes

STRIDE = 4
"""Input pixels a feature cell, whatever the architecture: the neck ends there."""
MAX_REFINEMENTS = 16
"""More refinement modules than any network has: a damaged file must not ask for thousands."""


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Sizes of every part; the defaults are the published DLA-34 network."""

    backbone_channels: tuple[int, ...] = (16, 32, 64, 128, 256, 512)
    """Channels of the backbone's six levels."""
    stem_stride: int = 1
    """2 halves the image in the first convolution."""
    deformable: bool = True
    """DCNv2 in the neck; plain convolutions otherwise."""
    head_channels: int = 256
    """Hidden channels of the dense heads."""
    global_channels: int = 64
    """Features per vertex in the global deformation."""
    global_hidden: int = 512
    """Width of the global deformation's hidden layer."""
    snake_channels: int = 128
    """State channels of the snakes."""
    snake_fusion_channels: int = 256
    """Channels of a snake's global state."""
    snake_dilations: tuple[int, ...] = (1, 1, 1, 2, 2, 4, 4)
    """Dilations of a snake's residual blocks."""
    refinements: int = 3
    """Refinement modules: 3 in the published network, 2 in the paper."""
    sharp: ClassifierSizes = field(default_factory=ClassifierSizes)
    """Sizes of SharpContour's classifier, where a network has one."""


DLA34 = Architecture()

# For CPUs: about a tenth of DLA-34's parameters, and half the resolution in the stem.
NANO = Architecture(
    backbone_channels=(16, 24, 32, 64, 96, 128),
    stem_stride=2,
    deformable=False,
    head_channels=64,
    global_channels=16,
    global_hidden=192,
    snake_channels=48,
    snake_fusion_channels=64,
    snake_dilations=(1, 1, 2, 4),
    refinements=2,
    sharp=ClassifierSizes(grid=5, controller=64),
)

TRANSFORMERS = "transformers"
"""A backbone of the package of this name below a neck and heads of DLA-34's sizes."""
ARCHITECTURES = {"dla34": DLA34, "nano": NANO, TRANSFORMERS: Architecture()}
