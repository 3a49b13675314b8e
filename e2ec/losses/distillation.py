"""Losses against what the moving average of the weights says of the same batch."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def soft_focal_loss(logits: Tensor, teacher: Tensor) -> Tensor:
    """Cross entropy with probabilities as targets, weighed by the squared difference of both.

    Quality focal loss (Li et al., "Generalized Focal Loss", 2020, eq. 4, beta 2), whose targets are
    here the teacher's heat map: 0 where both say the same, and nearly so at the many cells where
    both see nothing.

    Args:
        logits: (B, C, h, w), before the sigmoid.
        teacher: the same shape, logits too; takes part in no gradient.

    Returns:
        Scalar, summed over all cells; the caller divides by the number of positives.
    """
    target = teacher.detach().sigmoid()
    surprise = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return ((target - logits.sigmoid()).square() * surprise).sum()
