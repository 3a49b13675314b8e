"""Smooth L1 between a predicted contour and its label, vertex by vertex (paper eq. 6 to 8)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def contour_loss(predicted: Tensor, label: Tensor) -> Tensor:
    """Smooth L1 (beta 1), averaged over the vertices and coordinates of a contour, summed over
    contours; the caller divides by the number of contours.

    Args:
        predicted: (n, N, 2), input pixels.
        label: (n, N, 2), input pixels.

    Returns:
        Scalar.
    """
    return F.smooth_l1_loss(predicted, label, reduction="none").mean(dim=(1, 2)).sum()
