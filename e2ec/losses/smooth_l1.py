"""Smooth L1 between predictions and labels, number by number (paper eq. 6 to 8)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def smooth_l1(predicted: Tensor, label: Tensor) -> Tensor:
    """Smooth L1 (beta 1), averaged over the numbers of an item, summed over items; the caller
    divides by the number of items.

    Args:
        predicted, label: contours (n, N, 2), input pixels; or part votes (n, 2), feature cells,
            because a part's own centre is known no better: smaller errors weigh little, so that the
            many objects in one piece do not outweigh the few that are split.

    Returns:
        Scalar.
    """
    numbers = tuple(range(1, predicted.ndim))
    return F.smooth_l1_loss(predicted, label, reduction="none").mean(dim=numbers).sum()
