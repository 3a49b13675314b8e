"""Generalised IoU of boxes (Rezatofighi et al., 2019) and its logarithmic loss (SEANet, eq. 5)."""

from __future__ import annotations

from torch import Tensor

from network.layers.precision import at_least_float32

LEAST = 1e-7
"""The smallest (GIoU + 1) / 2 that is told from 0: the loss ends at 16.1."""


def giou(boxes: Tensor, targets: Tensor) -> Tensor:
    """Generalised IoU of n pairs of boxes: IoU - (enclosing box - union) / enclosing box.

    Args:
        boxes: (n, 4) x0, y0, x1, y1 in any one unit.
        targets: the same shape.

    Returns:
        (n,) in [-1, 1], float32 at least. 1 for equal boxes; 0 for boxes that touch and fill their
        enclosing box; -1 where both boxes have no area.

    Raises:
        ValueError: shapes that do not fit.
    """
    overlap, filled = _overlap_and_filled(boxes, targets)
    return overlap + filled - 1


def giou_log_loss(boxes: Tensor, targets: Tensor) -> Tensor:
    """-ln((GIoU + 1) / 2) of n pairs of boxes: 0 for equal ones, 0.69 at a GIoU of 0.

    Beside 1 - GIoU it pulls harder at boxes that are far off.

    Args:
        boxes: (n, 4) x0, y0, x1, y1 in any one unit.
        targets: the same shape; they take part in no gradient.

    Returns:
        (n,), float32 at least, at most 16.1 (`LEAST`).

    Raises:
        ValueError: shapes that do not fit.
    """
    # GIoU + 1 is taken as a sum of two shares, never as a difference near -1: far boxes keep their
    # digits.
    overlap, filled = _overlap_and_filled(boxes, targets.detach())
    return -((overlap + filled) / 2).clamp(min=LEAST).log()


def _overlap_and_filled(boxes: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Intersection by union, and union by enclosing box, of n pairs: 0 where there is no area."""
    if boxes.shape != targets.shape or boxes.dim() != 2 or boxes.shape[1] != 4:
        raise ValueError(
            f"boxes and targets must both be (n, 4): {tuple(boxes.shape)}, {tuple(targets.shape)}"
        )
    boxes, targets = at_least_float32(boxes), at_least_float32(targets)
    low, high = boxes[:, :2].maximum(targets[:, :2]), boxes[:, 2:].minimum(targets[:, 2:])
    outer_low = boxes[:, :2].minimum(targets[:, :2])
    outer_high = boxes[:, 2:].maximum(targets[:, 2:])
    common = _area(low, high)
    union = _area(boxes[:, :2], boxes[:, 2:]) + _area(targets[:, :2], targets[:, 2:]) - common
    return _share(common, union), _share(union, _area(outer_low, outer_high))


def _area(low: Tensor, high: Tensor) -> Tensor:
    return (high - low).clamp(min=0).prod(1)


def _share(part: Tensor, whole: Tensor) -> Tensor:
    """part / whole, 0 where there is no whole, with finite gradients everywhere."""
    exists = whole > 0
    return part.where(exists, 0) / whole.where(exists, 1)
