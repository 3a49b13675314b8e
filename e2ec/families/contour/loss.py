"""The losses of the contour family on its network's output."""

from __future__ import annotations

from torch import Tensor

from dataset.contour.targets import Batch
from e2ec.config import LossConfig
from e2ec.losses.total import TotalLoss, count_batch
from network.contour.e2ec import NetworkOutput


class ContourLoss:
    """A `families.family.Loss`: `TotalLoss` with the weights of the settings."""

    def __init__(self, config: LossConfig) -> None:
        self.total = TotalLoss(config)

    def counts(self, batch: Batch) -> Tensor:
        """Positive cells, contours and key vertices, (3,)."""
        return count_batch(batch.heatmaps, batch.keys)

    def __call__(
        self, output: NetworkOutput, batch: Batch, counts: Tensor, *, epoch: int
    ) -> dict[str, Tensor]:
        """See `TotalLoss`."""
        return self.total(
            output.heatmap,
            output.stages,
            batch,
            counts,
            epoch=epoch,
            object_centers=output.object_centers,
        )
