"""Dice loss: how much two masks lack of covering each other (V-Net, sec. 3)."""

from __future__ import annotations

from torch import Tensor

from e2ec.losses.mask_pairs import Reduction, mask_pair, reduced

EPSILON = 1e-6


def dice_loss(
    masks: Tensor, targets: Tensor, *, epsilon: float = EPSILON, reduction: Reduction = "mean"
) -> Tensor:
    """1 - 2 sum(p q) / (sum(p^2) + sum(q^2)): 0 for equal masks, two empty ones too, 1 for disjoint
    ones.

    Args:
        masks: (n, H, W) or (n, 1, H, W) probabilities.
        targets: the same shape, in [0, 1], of any type; they take part in no gradient.
        epsilon: added to numerator and denominator.
        reduction: over masks.

    Returns:
        A scalar, or (n,) without reduction.

    Raises:
        ValueError: shapes that do not fit.
    """
    masks, targets = mask_pair(masks, targets)
    common = (masks * targets).sum(dim=(1, 2))
    both = (masks.square() + targets.square()).sum(dim=(1, 2))
    return reduced(1 - (2 * common + epsilon) / (both + epsilon), reduction)
