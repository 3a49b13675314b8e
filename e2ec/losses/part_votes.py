"""Smooth L1 between the part votes and the centres of the whole objects."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def part_votes_loss(predicted: Tensor, label: Tensor) -> Tensor:
    """Smooth L1 (beta 1 cell), averaged over x and y, summed over parts; the caller divides by the
    number of parts.

    The unit is the cell, because a part's own centre is known no better. Smaller errors weigh
    little, so that the many objects in one piece do not outweigh the few that are split.

    Args:
        predicted: (n, 2), feature cells.
        label: (n, 2), feature cells.

    Returns:
        Scalar.
    """
    return F.smooth_l1_loss(predicted, label, reduction="none").mean(dim=1).sum()
