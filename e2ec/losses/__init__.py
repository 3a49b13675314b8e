"""The losses of E2EC, one a file, and their weighted sum; those of masks take any mask head's."""

from e2ec.losses.boundary import boundary_loss, mask_distances
from e2ec.losses.contour_loss import (
    binarize,
    contour_loss,
    contour_loss_with_logits,
    contour_response,
    distance_mse_loss,
    edge_mse_loss,
    step_distances,
)
from e2ec.losses.dice import dice_loss

__all__ = [
    "binarize",
    "boundary_loss",
    "contour_loss",
    "contour_loss_with_logits",
    "contour_response",
    "dice_loss",
    "distance_mse_loss",
    "edge_mse_loss",
    "mask_distances",
    "step_distances",
]
