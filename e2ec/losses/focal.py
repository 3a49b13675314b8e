"""Penalty-reduced focal loss of the centre heat map (CornerNet, eq. 1)."""

from __future__ import annotations

import torch
from torch import Tensor

ALPHA = 2
BETA = 4
MIN_PROBABILITY = 1e-4


def focal_loss(logits: Tensor, target: Tensor, ignored: Tensor | None = None) -> Tensor:
    """Sum over all cells; the caller divides by the number of positives.

    Args:
        logits: (B, C, h, w), before the sigmoid.
        target: (B, C, h, w) in [0, 1]; a cell is positive where it is exactly 1.
        ignored: (B, C, h, w) bool: there a cell that is not positive counts for nothing.

    Returns:
        Scalar.
    """
    p = logits.sigmoid().clamp(MIN_PROBABILITY, 1 - MIN_PROBABILITY)
    positive = target == 1
    at_positives = (1 - p) ** ALPHA * p.log()
    at_negatives = (1 - target) ** BETA * p**ALPHA * (1 - p).log()
    if ignored is not None:
        at_negatives = at_negatives.masked_fill(ignored, 0.0)
    return -torch.where(positive, at_positives, at_negatives).sum()
