"""The losses of SharpContour's answers at points near boundaries (its sec. 3.4 and 4.4)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dataset.contour.boundary_points import BoundaryLabels
from network.sharp.settings import Movement

GAMMA = 2.0
"""The difficulty factor of equation 2."""


def point_focal_loss(logits: Tensor, outside: Tensor, share_outside: Tensor) -> Tensor:
    """Focal loss of inside or outside, summed over points (equation 2).

    The paper's alpha balances "the current proportion of positive and negative samples": each side
    is weighted by the share of the other, so that both weigh the same in sum. (Its own share, as
    "the ratio of positive and negative" could be read, would double the imbalance.)

    Args:
        logits: (n, P), above 0 is outside.
        outside: (n, P) bool, the labels; outside is the positive class.
        share_outside: scalar in [0, 1], of all points of the step.

    Returns:
        Scalar.
    """
    labels = outside.to(logits.dtype)
    surprise = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    wrong = (labels - logits.sigmoid()).abs()
    alpha = torch.where(outside, 1 - share_outside, share_outside)
    return (alpha * wrong**GAMMA * surprise).sum()


def movement_loss(predicted: Tensor, label: Tensor) -> Tensor:
    """Smooth L1 of movements in parts of the box's size, summed over points: the regression
    baselines of table 9. What is larger than a hundredth counts by its length.

    Args:
        predicted: (n, P, 2) vectors, or (n, P, 1) distances.
        label: of the same shape.
    """
    return F.smooth_l1_loss(predicted, label, beta=0.01, reduction="sum")


def point_counts(near: BoundaryLabels) -> Tensor:
    """What the losses of labelled points are divided by: all points, and those outside, (2,)."""
    outside = near.outside
    return torch.stack(
        [outside.new_tensor(outside.numel(), dtype=torch.float32), outside.sum().float()]
    )


def sharp_loss(answers: Tensor, near: BoundaryLabels, counts: Tensor, movement: Movement) -> Tensor:
    """The loss of SharpContour a point.

    Args:
        answers: (n, P, outputs) of `SharpContour.at_points`.
        near: the labelled points.
        counts: of `point_counts`, over the whole step; no points are taken as one.
        movement: how vertices find their way.
    """
    points = counts[0].clamp(min=1)
    if movement == "classify":
        return point_focal_loss(answers[..., 0], near.outside, counts[1] / points) / points
    low, high = near.boxes.to(answers.dtype).split(2, dim=1)
    size = (high - low).prod(1).sqrt()[:, None, None]
    label = near.offsets.to(answers.dtype) / size
    if movement == "distance":
        length = label.norm(dim=2)
        label = torch.where(near.outside, -length, length)[..., None]
    return movement_loss(answers, label) / points
