"""The weighted sum of all losses (paper eq. 11, with the published weights as defaults)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from e2ec.losses.contour import contour_loss
from e2ec.losses.dynamic_matching import Distance, dynamic_matching_loss
from e2ec.losses.focal import count_positives, focal_loss
from e2ec.losses.part_votes import part_votes_loss


@dataclass(frozen=True)
class LossCounts:
    """What the sums are divided by, over the whole step: all processes, all accumulated parts."""

    positives: Tensor
    """Positive cells of the heat maps."""
    contours: Tensor
    """Labelled contours."""
    keys: Tensor
    """Key vertices."""

    @classmethod
    def of(cls, heatmaps: Tensor, keys: Tensor) -> LossCounts:
        """Counts of one batch: heat maps (B, C, h, w) and key vertices (n, N)."""
        contours = torch.full((), float(len(keys)), device=keys.device)
        return cls(count_positives(heatmaps), contours, keys.sum().float())

    def stack(self) -> Tensor:
        """The three counts as one (3,) tensor, for sums over processes."""
        return torch.stack([self.positives, self.contours, self.keys])

    @classmethod
    def unstack(cls, counts: Tensor) -> LossCounts:
        """The inverse of `stack`; no count falls below 1, so that empty batches give 0."""
        return cls(*counts.clamp(min=1).unbind())


class TotalLoss:
    """Callable: network output and labels -> named losses, `total` among them."""

    def __init__(
        self,
        *,
        center_weight: float = 1.0,
        initial_weight: float = 0.1,
        coarse_weight: float = 0.1,
        refinement_weight: float = 1.0,
        parts_weight: float = 1.0,
        average_refinements: bool = True,
        matching_start_epoch: int = 10,
        matching_distance: Distance = "smooth_l1",
    ) -> None:
        self.weights = {
            "center": center_weight,
            "initial": initial_weight,
            "coarse": coarse_weight,
            "refinement": refinement_weight,
            "parts": parts_weight,
        }
        self.average_refinements = average_refinements
        self.matching_start_epoch = matching_start_epoch
        self.matching_distance: Distance = matching_distance

    def __call__(
        self,
        heatmap: Tensor,
        contours: list[Tensor],
        batch: Any,
        counts: LossCounts,
        *,
        epoch: int,
        object_centers: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Losses of one batch.

        Args:
            heatmap: (B, C, h, w) logits.
            contours: one (n, N, 2) tensor a stage: initial, coarse, after each refinement.
            batch: labels with `heatmaps`, `contours`, `keys` and, for part votes, `object_centers`
                (dataset.contour.targets.Batch).
            counts: of the whole step.
            epoch: counted from 0; the dynamic matching loss sets in at `matching_start_epoch`.
            object_centers: (n, 2) votes of the parts, feature cells; None of a network without.

        Returns:
            center, initial, coarse, refinement, with votes parts (each unweighted), and total.
        """
        initial, coarse, *refined = contours
        label = batch.contours.to(initial.dtype)
        refinement = torch.stack(
            [contour_loss(c, label) for c in refined[:-1]] or [label.sum() * 0]
        )
        refinement = refinement.sum() / counts.contours
        refinement = refinement + self._last(contours, label, batch.keys, counts, epoch)
        if self.average_refinements:
            refinement = refinement / len(refined)
        losses = {
            "center": focal_loss(heatmap, batch.heatmaps) / counts.positives,
            "initial": contour_loss(initial, label) / counts.contours,
            "coarse": contour_loss(coarse, label) / counts.contours,
            "refinement": refinement,
        }
        if object_centers is not None:
            target = batch.object_centers.to(object_centers.dtype)
            losses["parts"] = part_votes_loss(object_centers, target) / counts.contours
        weighted = [self.weights[name] * loss for name, loss in losses.items()]
        return {**losses, "total": torch.stack(weighted).sum()}

    def _last(
        self, contours: list[Tensor], label: Tensor, keys: Tensor, counts: LossCounts, epoch: int
    ) -> Tensor:
        """The loss of the last refinement module."""
        before, after = contours[-2:]
        if epoch < self.matching_start_epoch:
            return contour_loss(after, label) / counts.contours
        sums = dynamic_matching_loss(before, after, label, keys, distance=self.matching_distance)
        return (sums.to_boundary / counts.contours + sums.from_keys / counts.keys) / 2
