"""The loss of contours that are drawn into boxes: only the box has been predicted."""

from __future__ import annotations

from torch import Tensor

from e2ec.losses.smooth_l1 import smooth_l1


def box_loss(contours: Tensor, label: Tensor) -> Tensor:
    """Smooth L1 between the widths and heights of contours, summed over them.

    Where the vertices of a box's contour lie is no prediction, and where the box lies neither: its
    middle is the cell of the centre.

    Args:
        contours: (n, N, 2), which touch all sides of their boxes, input pixels.
        label: (n, N, 2), input pixels.

    Returns:
        Scalar.
    """
    return smooth_l1(_sizes(contours), _sizes(label))


def _sizes(contours: Tensor) -> Tensor:
    """(n, 2) width and height."""
    return contours.amax(dim=1) - contours.amin(dim=1)
