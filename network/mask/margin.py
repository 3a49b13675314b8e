"""Boxes with a margin of one cell: what lies just beyond their borders."""

from __future__ import annotations

import torch
from torch import Tensor


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
