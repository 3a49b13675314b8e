"""What losses of masks share: masks as people have them, and how their losses are put together."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from network.layers.precision import at_least_float32

Reduction = Literal["mean", "sum", "none"]
"""The mean over masks (0 where there are none), their sum, or one number a mask, (n,)."""


def as_masks(masks: Tensor) -> Tensor:
    """Masks (n, H, W) or (n, 1, H, W) of any type as (n, H, W) of float32 at least.

    Raises:
        ValueError: they have another shape.
    """
    if masks.dim() == 4 and masks.shape[1] == 1:
        masks = masks[:, 0]
    if masks.dim() != 3:
        raise ValueError(f"masks must be (n, H, W) or (n, 1, H, W), not {tuple(masks.shape)}")
    return at_least_float32(masks) if masks.is_floating_point() else masks.float()


def mask_pair(masks: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Masks and what they should be, both (n, H, W); targets take part in no gradient.

    Raises:
        ValueError: the two have different shapes, or are no masks.
    """
    first, second = as_masks(masks), as_masks(targets.detach())
    if first.shape != second.shape:
        raise ValueError(
            f"masks and targets must have one shape: {tuple(masks.shape)}, {tuple(targets.shape)}"
        )
    return first, second.to(first.dtype)


def logits_of_classes(logits: Tensor, classes: Tensor) -> Tensor:
    """Of class-specific logits those of each mask's class.

    Args:
        logits: (n, C, H, W).
        classes: (n,) int64, places along C; of torchvision's heads 0 is background.

    Returns:
        (n, H, W).

    Raises:
        ValueError: shapes that do not fit.
    """
    if logits.dim() != 4 or classes.shape != logits.shape[:1]:
        raise ValueError(
            f"logits must be (n, C, H, W) and classes (n,), not {tuple(logits.shape)} and "
            f"{tuple(classes.shape)}"
        )
    return logits[torch.arange(len(classes), device=logits.device), classes]


def reduced(losses: Tensor, reduction: Reduction) -> Tensor:
    """Losses of n masks, (n,), as the caller wants them.

    Raises:
        ValueError: a reduction that does not exist.
    """
    if reduction == "none":
        return losses
    if reduction == "sum":
        return losses.sum()
    if reduction == "mean":
        return losses.sum() / max(len(losses), 1)
    raise ValueError(f"reduction must be mean, sum or none, not {reduction!r}")
