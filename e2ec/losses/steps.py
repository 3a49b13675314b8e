"""A loss on the steps from vertex to vertex: against jagged contours."""

from __future__ import annotations

from torch import Tensor

from e2ec.losses.smooth_l1 import smooth_l1


def steps_loss(predicted: Tensor, label: Tensor) -> Tensor:
    """Smooth L1 between the edges of two contours, vertex i to vertex i + 1, the last to the first.

    Where vertices lie does not matter, only how they lie to their neighbours: a contour beside its
    label costs nothing, one that jumps to and fro around it much.

    Args:
        predicted, label: (n, N, 2), input pixels.

    Returns:
        Scalar, averaged over the numbers of a contour, summed over contours; the caller divides.
    """
    return smooth_l1(_steps(predicted), _steps(label))


def _steps(contours: Tensor) -> Tensor:
    return contours.roll(-1, dims=1) - contours
