"""The losses of the fully convolutional box head (SEANet, eq. 4 without its factors, eq. 5).

`e2ec.losses.focal` is another focal loss, that of heat maps: its negatives lose weight near a
positive, and it has no balance between the two.
"""

from __future__ import annotations

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor

from e2ec.losses.giou import giou, giou_log_loss
from network.layers.precision import at_least_float32

ALPHA = 0.25
GAMMA = 2.0


class FcnBoxLosses(NamedTuple):
    """Scalars, before their factors: lambda1 = lambda2 = 1, lambda3 = 0.5 in the paper."""

    classes: Tensor
    boxes: Tensor
    box_iou: Tensor | None


def sigmoid_focal_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Focal loss of every entry, with alpha 0.25 and gamma 2 (Lin et al., 2017, eq. 5).

    Args:
        logits: any shape.
        targets: the same shape, 0 or 1.

    Returns:
        The same shape, float32 at least.
    """
    logits = at_least_float32(logits)
    targets = targets.to(logits.dtype)
    signed = logits * (2 * targets - 1)
    alpha = ALPHA * targets + (1 - ALPHA) * (1 - targets)
    return -alpha * (-signed).sigmoid() ** GAMMA * F.logsigmoid(signed)


def fcn_box_losses(
    logits: Tensor,
    boxes: Tensor,
    iou: Tensor | None,
    classes: Tensor,
    targets: Tensor,
    *,
    positives: Tensor | float | None = None,
) -> FcnBoxLosses:
    """Focal loss of all cells; of the positive ones the GIoU log loss, and the squared error of the
    predicted GIoU. All three are sums divided by the number of positive cells. The focal loss
    counts at least one proposal's: images without objects have cells of hundreds of proposals to
    sum, and would outweigh all others.

    Args:
        logits: (n, K, s, s), before the sigmoid.
        boxes: (n, s, s, 4) predicted, x0, y0, x1, y1, any one unit.
        iou: (n, s, s) predicted GIoU of them, or None without the B-IoU branch.
        classes: (n, s, s) int64, 1 to K, 0 for background.
        targets: (n, s, s, 4) boxes, read where the cell is positive.
        positives: what to divide by; None counts the positive cells here.

    Returns:
        Three scalars; zeros with a gradient where there are no proposals.

    Raises:
        ValueError: shapes that do not fit.
    """
    if logits.dim() != 4 or logits[:, 0].shape != classes.shape or targets.shape != boxes.shape:
        raise ValueError(
            f"logits (n, K, s, s) and classes (n, s, s), boxes and targets (n, s, s, 4) do not fit:"
            f" {tuple(logits.shape)}, {tuple(classes.shape)}, {tuple(boxes.shape)},"
            f" {tuple(targets.shape)}"
        )
    positive = classes > 0
    count = positive.sum()
    cells = classes.shape[1] * classes.shape[2]
    by = count.clamp(min=1) if positives is None else positives
    by_for_classes = count.clamp(min=cells) if positives is None else positives
    wanted = F.one_hot(classes, logits.shape[1] + 1)[..., 1:].permute(0, 3, 1, 2)
    class_loss = sigmoid_focal_loss(logits, wanted).sum() / by_for_classes
    found, true = boxes[positive], targets[positive]
    box_loss = giou_log_loss(found, true).sum() / by
    if iou is None:
        return FcnBoxLosses(class_loss, box_loss, None)
    # The branch judges boxes; it must not move them to where its guess comes true.
    error = at_least_float32(iou[positive]) - giou(found, true).detach()
    return FcnBoxLosses(class_loss, box_loss, error.square().sum() / by)
