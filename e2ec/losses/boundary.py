"""Boundary loss: what two masks differ in, weighed by its distance to the label's boundary.

Kervadec et al., "Boundary loss for highly unbalanced segmentation" (2019), equation 5.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from e2ec.losses.mask_pairs import Reduction, as_masks, mask_pair, reduced


def boundary_loss(
    masks: Tensor,
    distances: Tensor,
    targets: Tensor | None = None,
    *,
    reduction: Reduction = "mean",
) -> Tensor:
    """Mean over the pixels of |distance| |p - target|.

    With binary targets it is the paper's integral of p times the signed distance, with the same
    gradient, less its smallest value, that of the label itself: 0 for equal masks.

    Args:
        masks: (n, H, W) or (n, 1, H, W) probabilities.
        distances: the same shape, from the label's boundary, positive inside: `mask_distances`, or
            `lib.ops.signed_distances` of its contours; they take part in no gradient.
        targets: the same shape, what the masks should be; None takes 1 inside and 0 outside.
        reduction: over masks.

    Returns:
        A scalar, or (n,) without reduction, in the unit of the distances.

    Raises:
        ValueError: shapes that do not fit.
    """
    masks, distances = mask_pair(masks, distances)
    wanted = (distances > 0).to(masks.dtype) if targets is None else mask_pair(masks, targets)[1]
    return reduced((distances * (wanted - masks)).abs().mean(dim=(1, 2)), reduction)


def mask_distances(masks: Tensor) -> Tensor:
    """Euclidean distance of every pixel's centre to the boundary of its mask, positive inside.

    The boundary is taken half a pixel off the nearest pixel of the other kind; what lies outside of
    the mask does not count. A mask of one kind alone has no boundary, and distances of 0.

    Args:
        masks: (n, H, W) or (n, 1, H, W) of any type, set above 1/2. They are computed on the CPU.

    Returns:
        (n, H, W) float32, pixels, where the masks lie.
    """
    binary = (as_masks(masks) > 0.5).cpu().numpy()
    distances = np.zeros(binary.shape, np.float32)
    for mask, distance in zip(binary, distances, strict=True):
        if mask.any() and not mask.all():
            inside, outside = (
                cv2.distanceTransform(kind.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
                for kind in (mask, ~mask)
            )
            distance[:] = np.where(mask, inside - 0.5, 0.5 - outside)
    return torch.from_numpy(distances).to(masks.device)
