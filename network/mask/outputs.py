"""What networks of the mask family give: detections, and in training predictions with targets.

Losses are no part of the network: they are computed of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from network.sharp.sharp_contour import SharpContour


@dataclass(frozen=True, eq=False)
class MaskPrediction:
    """What a mask head says of n boxes. Of K + 1 classes, the first is background and unused."""

    masks: Tensor
    """(n, K + 1, 28, 28) logits."""
    boundaries: Tensor | None = None
    """(n, K + 1, 28, 28) logits of the boundary, where the head predicts it; (n, 1, 28, 28) where
    that of the label's class alone is predicted."""
    edges: Tensor | None = None
    """(n, 1, 28, 28) logits of the edge of whatever class, where the head predicts it."""


@dataclass(frozen=True, eq=False)
class BoxSamples:
    """What the box head said of sampled proposals. Lists have an entry an image, of n_i samples."""

    prediction: Any
    """As the head gives it, for all images together."""
    proposals: list[Tensor]
    """(n_i, 4) x0, y0, x1, y1, input pixels."""
    labels: list[Tensor]
    """(n_i,) int64: 0 is background, classes begin at 1."""
    matches: list[Tensor]
    """(n_i,) int64: rows of the image's targets; 0 for background."""
    movements: list[Tensor]
    """(n_i, 4) from proposal to label, as torchvision's `BoxCoder` encodes it; of no meaning for
    background."""
    targets: list[dict[str, Tensor]]
    """Boxes (g_i, 4) and labels (g_i,), from 1 on, of every image."""


@dataclass(frozen=True, eq=False)
class MaskSamples:
    """What the mask head said of the n proposals that show an object."""

    prediction: MaskPrediction
    proposals: Tensor
    """(n, 4) x0, y0, x1, y1, input pixels."""
    image_index: Tensor
    """(n,) int64, ascending."""
    labels: Tensor
    """(n,) int64, 1 to K."""
    targets: Tensor
    """(n, 28, 28) in [0, 1]: the label's mask across the proposal, as RoIAlign samples it."""
    wide_targets: Tensor | None = None
    """(n, 30, 30): the same with one cell more on each side, where the head predicts edges."""
    ious: Tensor | None = None
    """(n,) predicted IoU of the mask of the label's class, where the network has that head."""
    iou_targets: Tensor | None = None
    """(n,) what it should be."""


@dataclass(frozen=True, eq=False)
class TrainingOutput:
    """All that losses are computed of."""

    images: int
    """Size of the batch."""
    rpn: Mapping[str, Tensor] = field(default_factory=dict)
    """Losses of the region proposal network, which torchvision computes: objectness, rpn_box."""
    boxes: BoxSamples | None = None
    """None where only SharpContour learns."""
    masks: MaskSamples | None = None
    at_points: Tensor | None = None
    """What SharpContour says of the labelled points (`SharpContour.at_points`)."""


@dataclass(frozen=True, eq=False)
class Detections:
    """The n instances found in a batch, by image, then by falling score."""

    image_index: Tensor
    """(n,) int64, ascending."""
    boxes: Tensor
    """(n, 4) x0, y0, x1, y1, input pixels, inside of what the input shows of the image."""
    classes: Tensor
    """(n,) int64, from 0 on."""
    scores: Tensor
    """(n,) in [0, 1]."""
    masks: Tensor
    """(n, 28, 28) probabilities across the box, of the detected class."""
    features: Tensor | None = None
    """(B, 256, h / 4, w / 4), the finest map of the pyramid, for `sharp`."""
    sharp: SharpContour | None = None
    """Refines outlines on that map, where the network has the stage."""
