"""The contour loss, and its alternatives, on the logits of a mask head (Contour loss, sec. III)."""

from __future__ import annotations

from torch import Tensor

from e2ec.contour_loss_config import ContourLossConfig
from e2ec.losses.boundary import boundary_loss, mask_distances
from e2ec.losses.contour_loss import contour_loss_with_logits, distance_mse_loss, edge_mse_loss
from e2ec.losses.dice import dice_loss
from e2ec.losses.mask_pairs import Reduction, as_masks, logits_of_classes


def mask_head_contour_loss(
    logits: Tensor,
    classes: Tensor,
    targets: Tensor,
    settings: ContourLossConfig,
    *,
    reduction: Reduction = "mean",
) -> Tensor:
    """The loss that the settings name, of the masks of the labels' classes.

    The losses of contours are made for binary labels: they see targets that are cut at 1/2. Dice
    and boundary loss take them as they are.

    Args:
        logits: (n, C, H, W) of a mask head.
        classes: (n,) int64, places along C; of torchvision's heads 0 is background.
        targets: (n, H, W) in [0, 1], of any type.
        settings: `kind` and `k`. The grid is the mask head's; the caller heeds `start`.
        reduction: over masks.

    Returns:
        A scalar, or (n,) without reduction; distances in it are cells. 0 of no masks, with a
        gradient.

    Raises:
        ValueError: shapes that do not fit.
    """
    chosen = as_masks(logits_of_classes(logits, classes))
    masks, binary = chosen.sigmoid(), as_masks(targets) > 0.5
    if settings.kind == "dice":
        return dice_loss(masks, targets, reduction=reduction)
    if settings.kind == "boundary":
        return boundary_loss(masks, mask_distances(targets), targets, reduction=reduction)
    if settings.kind == "edge_mse":
        return edge_mse_loss(masks, binary, reduction=reduction)
    if settings.kind == "distance_mse":
        return distance_mse_loss(masks, binary, settings.k, reduction=reduction)
    return contour_loss_with_logits(chosen, binary, settings.k, reduction=reduction)
