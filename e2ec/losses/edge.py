"""Edges of masks, and the weighted cross entropy that learns them (SEANet, sec. 3.2, eq. 2, 6)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from e2ec.losses.mask_pairs import Reduction, as_masks, mask_pair, reduced


def edge_labels(masks: Tensor) -> Tensor:
    """The pixels of an object that lie on its boundary: one of their four neighbours is outside it.

    Edges thus lie inside of objects, one pixel wide. What is beyond the border of the masks counts
    as the border's own pixels: where a proposal cuts through an object there is no boundary. A
    border that the object really ends at is known from masks with one more pixel all around
    (`network.mask.margin.masks_with_margin`), whose labels are `edge_labels(masks)[:, 1:-1, 1:-1]`.

    Args:
        masks: (n, h, w) or (n, 1, h, w) of any type, set above 1/2.

    Returns:
        (n, h, w) float32, 0 or 1.

    Raises:
        ValueError: they have another shape.
    """
    inside = (as_masks(masks) > 0.5).float()
    if not inside.numel():
        return inside
    outside = F.pad(1 - inside, (1, 1, 1, 1), mode="replicate")
    near_rows = outside[:, :-2, 1:-1].maximum(outside[:, 2:, 1:-1])
    near_columns = outside[:, 1:-1, :-2].maximum(outside[:, 1:-1, 2:])
    return inside * near_rows.maximum(near_columns)


def edge_loss(logits: Tensor, edges: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """Cross entropy where pixels on an edge weigh 1 / ln(1.2 + n / N), others 1 (eq. 2, 6).

    n of a mask's N pixels lie on an edge: few of them weigh up to 5.5. They are counted mask by
    mask, so that a mask's loss depends on no other mask, and the loss of a step not on how the step
    is divided. The mean over the pixels is a plain one: weights are not divided out again.

    Args:
        logits: (n, h, w) or (n, 1, h, w).
        edges: the same shape, 0 or 1; they take part in no gradient.
        reduction: over masks.

    Returns:
        A scalar, 0 without masks, or (n,) without reduction; float32 at least.

    Raises:
        ValueError: shapes that do not fit.
    """
    logits, edges = mask_pair(logits, edges)
    weight = 1 / (1.2 + edges.mean(dim=(1, 2), keepdim=True)).log()
    weights = torch.where(edges > 0.5, weight, 1.0)
    # Autocast leaves this function in float32.
    losses = F.binary_cross_entropy_with_logits(logits, edges, weights, reduction="none")
    return reduced(losses.mean(dim=(1, 2)), reduction)
