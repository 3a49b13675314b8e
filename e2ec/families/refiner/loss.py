"""The loss of refiners: that of SharpContour's points alone."""

from __future__ import annotations

from torch import Tensor

from dataset.contour.targets import Batch
from e2ec.losses.sharp import point_counts, sharp_loss
from network.sharp.settings import Movement


class RefinerLoss:
    """A `families.family.Loss`."""

    def __init__(self, weight: float, movement: Movement) -> None:
        self.weight = weight
        self.movement = movement

    def counts(self, batch: Batch) -> Tensor:
        """See `point_counts`."""
        assert batch.boundary is not None
        return point_counts(batch.boundary)

    def __call__(
        self, output: Tensor, batch: Batch, counts: Tensor, *, epoch: int
    ) -> dict[str, Tensor]:
        """`sharp`, unweighted, and `total`.

        Args:
            output: (n, P, outputs), what SharpContour says of the batch's points.
            batch: with these points.
            counts: of the whole step.
            epoch: counts for nothing.
        """
        assert batch.boundary is not None
        sharp = sharp_loss(output, batch.boundary, counts, self.movement)
        return {"sharp": sharp, "total": self.weight * sharp}
