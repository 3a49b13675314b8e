"""Boxes with a margin of one cell: what of a mask lies just beyond their borders."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.models.detection.roi_heads import project_masks_on_boxes


def with_margin(boxes: Tensor, size: int = 28) -> Tensor:
    """Boxes with one more cell on each side: RoIAlign of size + 2 over them has the cells that
    RoIAlign of `size` has over the boxes, and one beyond each border.

    Args:
        boxes: (n, 4) x0, y0, x1, y1.
        size: cells a side of the boxes.

    Returns:
        (n, 4), the same unit.
    """
    cells = (boxes[:, 2:] - boxes[:, :2]) / size
    return torch.cat([boxes[:, :2] - cells, boxes[:, 2:] + cells], 1)


def masks_with_margin(masks: Tensor, boxes: Tensor, matches: Tensor, size: int) -> Tensor:
    """Shares of objects in the cells of boxes and of their margin; beyond the image is nothing.

    torchvision's targets of masks lie half a pixel up and left, and beyond the image they go on for
    a pixel. Cells of small boxes are narrower than that: their margin would lie on the object.

    Args:
        masks: (g, h, w), of objects.
        boxes: (n, 4) x0, y0, x1, y1, pixels.
        matches: (n,) int64, the object of every box.
        size: cells a side of the boxes.

    Returns:
        (n, size + 2, size + 2) in [0, 1], float.
    """
    wide = with_margin(boxes, size)
    shares = project_masks_on_boxes(masks, wide - 0.5, matches, size + 2)
    steps = (torch.arange(size + 2, device=boxes.device) + 0.5) / (size + 2)
    centers = wide[:, :2, None] + steps * (wide[:, 2:] - wide[:, :2])[:, :, None]
    ends = centers.new_tensor([masks.shape[2], masks.shape[1]])[:, None]
    across, down = ((centers > 0) & (centers < ends)).unbind(1)
    return shares * (down[:, :, None] & across[:, None, :])
