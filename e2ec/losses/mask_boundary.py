"""Boundaries of masks as a mask head learns them: labels and losses (BMask R-CNN, sec. 3.3).

Of the Laplacian operator, of its sign and of the border of the box the paper says nothing more than
that it gives thin boundaries. Here it is the one of four neighbours, 4 in the middle and -1 around
it: positive on the pixels of the mask that have a neighbour outside of it, one pixel thick. The
inner side, because boundaries that "exceed their corresponding masks" are called wrong (sec. 4.2).
Four neighbours, because with eight every step of a slanted boundary is two pixels thick. What lies
outside of the box is background, as in the contour loss: a mask has its boundary where it meets the
border of the box, as the pasted mask has; otherwise tight boxes would have none along their sides.

Everything is computed in float32 at least, inside of autocast too.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from e2ec.losses.dice import dice_loss
from e2ec.losses.mask_pairs import Reduction, as_masks, logits_of_classes, mask_pair, reduced

BoundaryLoss = Literal["bce", "weighted_bce", "dice", "dice_bce"]
Supervision = Literal["boundary", "mask", "none"]
DICE_EPSILON = 1.0
"""Equation 3."""


def laplacian_boundaries(masks: Tensor) -> Tensor:
    """Pixels of masks at which their Laplacian is above 0.

    Args:
        masks: (n, H, W) or (n, 1, H, W) of any type, set above 1/2: RoIAlign leaves soft ones.

    Returns:
        (n, H, W) bool: of every mask the pixels beside which, left, right, above or below, is one
        that is not set, or nothing. Holes and parts have their own boundaries.
    """
    binary = (as_masks(masks) > 0.5).float()
    padded = F.pad(binary, (1, 1, 1, 1))
    beside = padded[:, 1:-1, :-2] + padded[:, 1:-1, 2:] + padded[:, :-2, 1:-1] + padded[:, 2:, 1:-1]
    return 4 * binary - beside > 0


def mask_boundary_loss(
    logits: Tensor,
    labels: Tensor,
    kind: BoundaryLoss = "dice_bce",
    *,
    bce_weight: float = 1.0,
    reduction: Reduction = "mean",
) -> Tensor:
    """How far predicted boundaries are from their labels (eq. 2 and 3, table 7).

    bce: mean over the pixels. dice: equation 3, with epsilon 1. dice_bce: equation 2, their sum.
    weighted_bce: pixels of the boundary and all others weigh the same in total, each pixel as much
    as the share of the other kind (HED, eq. 2); weights are divided by their sum, so that the loss
    has the size of bce. A label of one kind alone has equal weights.

    Args:
        logits: (n, H, W) or (n, 1, H, W), of the class of each label (`logits_of_classes`).
        labels: the same shape, in [0, 1], of any type: `laplacian_boundaries`.
        kind: see above.
        bce_weight: lambda of equation 2.
        reduction: over masks; the mean is the multi-task loss's (eq. 4).

    Returns:
        A scalar, or (n,) without reduction; 0 of no masks, with a gradient.

    Raises:
        ValueError: shapes that do not fit, or no such kind.
    """
    logits, labels = mask_pair(logits, labels)
    if kind not in ("bce", "weighted_bce", "dice", "dice_bce"):
        raise ValueError(f"kind must be bce, weighted_bce, dice or dice_bce, not {kind!r}")
    losses = logits.new_zeros(len(logits))
    if kind in ("dice", "dice_bce"):
        dice = dice_loss(logits.sigmoid(), labels, epsilon=DICE_EPSILON, reduction="none")
        losses = losses + dice
    if kind != "dice":
        pixels = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
        if kind == "weighted_bce":
            pixels = pixels * _balance(labels)
        weight = bce_weight if kind == "dice_bce" else 1.0
        losses = losses + weight * pixels.mean(dim=(1, 2))
    return reduced(losses, reduction)


def boundary_head_loss(
    logits: Tensor,
    classes: Tensor,
    masks: Tensor,
    kind: BoundaryLoss = "dice_bce",
    supervision: Supervision = "boundary",
    *,
    reduction: Reduction = "mean",
) -> Tensor:
    """The loss of a class-specific boundary predictor, by what it is to learn (table 4).

    Args:
        logits: (n, C, H, W).
        classes: (n,) int64, places along C; of torchvision's heads 0 is background.
        masks: (n, H, W) in [0, 1], of any type: targets of the masks.
        kind, reduction: as of `mask_boundary_loss`.
        supervision: boundary: of the masks; mask: the masks themselves; none: 0, with a gradient of
            0, so that all parameters take part in every step.

    Returns:
        A scalar, or (n,) without reduction.

    Raises:
        ValueError: shapes that do not fit, no such kind or supervision.
    """
    chosen = as_masks(logits_of_classes(logits, classes))
    if supervision == "none":
        return reduced(0 * chosen.sum(dim=(1, 2)), reduction)
    if supervision not in ("boundary", "mask"):
        raise ValueError(f"supervision must be boundary, mask or none, not {supervision!r}")
    labels = laplacian_boundaries(masks) if supervision == "boundary" else masks
    return mask_boundary_loss(chosen, labels, kind, reduction=reduction)


def _balance(labels: Tensor) -> Tensor:
    """Weights of pixels (n, H, W), 1 in the mean."""
    share = labels.mean(dim=(1, 2), keepdim=True)
    weights = labels * (1 - share) + (1 - labels) * share
    mean = weights.mean(dim=(1, 2), keepdim=True)
    return torch.where(mean > 0, weights / mean.clamp(min=1e-12), 1.0)
