"""The loss of predicted IoUs: what contours say of themselves, beside what they are."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from lib.ops.polygons.signed_distances import signed_distances
from lib.ops.polygons.soft_rasterize import contours_in_cells

GRID = 32
"""Cells a side of the grid on which two contours are compared."""
SMALLEST_BOX = 1e-3
"""Pixels: what the grid covers at least, where all vertices of both lie in one point."""


def contour_iou_loss(
    logits: Mapping[str, Tensor], stages: Mapping[str, Tensor], label: Tensor
) -> Tensor:
    """Binary cross entropy of predicted and true IoU, summed over contours, averaged over stages.

    Its least value is not 0 but that of the true IoUs themselves.

    Args:
        logits: by stage (n,), of the predicted IoU.
        stages: by the same names (n, V, 2), the contours that they judge, pixels.
        label: (n, N, 2), pixels.

    Returns:
        A scalar. No gradient reaches the contours.
    """
    losses = [
        F.binary_cross_entropy_with_logits(
            judged, contour_ious(stages[name], label).to(judged.dtype), reduction="sum"
        )
        for name, judged in logits.items()
    ]
    return torch.stack(losses).mean()


@torch.no_grad()
def contour_ious(first: Tensor, second: Tensor, *, grid: int = GRID) -> Tensor:
    """The IoU of two contours each, by the cells' centres of a grid across the box around both.

    What a contour that crosses itself covers an even number of times is outside.

    Args:
        first: (n, V, 2), x then y.
        second: (n, N, 2), in the same coordinates.
        grid: cells a side; the IoU is exact to about two cells along the contours.

    Returns:
        (n,), 0 where neither covers a cell.
    """
    points = torch.cat([first, second], dim=1)
    low, high = points.amin(dim=1), points.amax(dim=1)
    boxes = torch.cat([low, torch.maximum(high, low + SMALLEST_BOX)], dim=1)
    size = (grid, grid)
    inside, other = (
        signed_distances(contours_in_cells(contours.contiguous(), boxes, size), *size) > 0
        for contours in (first, second)
    )
    common = (inside & other).sum(dim=(1, 2))
    return common / (inside | other).sum(dim=(1, 2)).clamp(min=1)
