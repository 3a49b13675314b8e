"""Losses of masks on contours: both are drawn onto a grid across the label's box."""

from __future__ import annotations

import torch
from torch import Tensor

from e2ec.contour_loss_config import ContourLossConfig
from e2ec.losses.boundary import boundary_loss
from e2ec.losses.contour_loss import binarize, contour_loss, distance_mse_loss, edge_mse_loss
from e2ec.losses.dice import dice_loss
from lib.ops.polygons.signed_distances import signed_distances
from lib.ops.polygons.soft_rasterize import contours_in_cells, soft_rasterize

SMALLEST_BOX = 1.0
"""A label's box counts as at least so many pixels wide and high: every grid has cells of a size."""


def contour_as_mask_loss(predicted: Tensor, label: Tensor, settings: ContourLossConfig) -> Tensor:
    """The loss that the settings name, summed over contours; the caller divides by their number.

    Both contours are drawn with equally soft edges: a label of whole cells would pull vertices to
    where no more than its cells can tell. The gradient reaches the vertices of those edges that are
    the nearest ones to some cell.

    Args:
        predicted: (n, V, 2) float32 or float64, V >= 3, pixels.
        label: (n, N, 2), the same type, N >= 3, pixels.
        settings: which loss, on which grid.

    Returns:
        A scalar; distances in it are cells.
    """
    size = (settings.grid, settings.grid)
    with torch.no_grad():
        boxes = label_boxes(label, settings.margin)
        distances = signed_distances(contours_in_cells(label, boxes, size), *size)
        targets = (distances / settings.softness).sigmoid()
    masks = soft_rasterize(predicted, boxes, size, settings.softness)
    if settings.kind == "boundary":
        return boundary_loss(masks, distances, targets, reduction="sum")
    if settings.kind == "dice":
        return dice_loss(masks, targets, reduction="sum")
    targets = binarize(targets)  # as the masks are
    if settings.kind == "edge_mse":
        return edge_mse_loss(masks, targets, reduction="sum")
    with_steps = contour_loss if settings.kind == "contour" else distance_mse_loss
    return with_steps(masks, targets, settings.k, reduction="sum")


def label_boxes(label: Tensor, margin: float) -> Tensor:
    """Boxes (n, 4) around contours (n, N, 2): left, top, right, bottom, pixels; `margin` is that
    on each side, as a share of the side."""
    low, high = label.amin(dim=1), label.amax(dim=1)
    reach = (high - low).clamp(min=SMALLEST_BOX) * (0.5 + margin)
    center = (low + high) / 2
    return torch.cat([center - reach, center + reach], dim=1)
