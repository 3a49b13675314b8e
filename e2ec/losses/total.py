"""The weighted sum of all losses (paper eq. 11)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from e2ec.config import LossConfig
from e2ec.losses.contour import contour_loss
from e2ec.losses.dynamic_matching import dynamic_matching_loss
from e2ec.losses.focal import count_positives, focal_loss
from e2ec.losses.part_votes import part_votes_loss

_REFINEMENT = re.compile(r"refine\d+")


def count_batch(heatmaps: Tensor, keys: Tensor) -> Tensor:
    """What the losses are divided by: positive cells, labelled contours and key vertices, (3,).

    To be summed over all micro-batches and processes of a step.

    Args:
        heatmaps: (B, C, h, w) labels.
        keys: (n, N) bool, the key vertices of all contours.
    """
    contours = torch.full((), float(len(keys)), device=keys.device)
    return torch.stack([count_positives(heatmaps), contours, keys.sum().float()])


class TotalLoss:
    """Callable: network output and labels -> named losses, including `total`."""

    def __init__(self, config: LossConfig) -> None:
        self.config = config

    def __call__(
        self,
        heatmap: Tensor,
        stages: Mapping[str, Tensor],
        batch: Any,
        counts: Tensor,
        *,
        epoch: int,
        object_centers: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Losses of one batch.

        Every loss names the stages that it supervises; stages of other names are left alone.

        Args:
            heatmap: (B, C, h, w) logits.
            stages: (n, N, 2) contours by stage: init, coarse, refine1, refine2, ...
            batch: labels with `heatmaps`, `contours`, `keys` and, for part votes, `object_centers`
                (dataset.contour.targets.Batch).
            counts: the sum of `count_batch` over the whole step; a count of 0 is taken as 1.
            epoch: counted from 0; the dynamic matching loss sets in at `matching_start_epoch`.
            object_centers: (n, 2) votes of the parts, feature cells; None of a network without.

        Returns:
            center, initial, coarse, refinement, with votes parts (each unweighted), and total.
        """
        positives, contours, keys = counts.clamp(min=1).unbind()
        label = batch.contours.to(stages["init"].dtype)
        losses = {
            "center": focal_loss(heatmap, batch.heatmaps) / positives,
            "initial": contour_loss(stages["init"], label) / contours,
            "coarse": contour_loss(stages["coarse"], label) / contours,
            "refinement": self._refinement(stages, label, batch.keys, contours, keys, epoch),
        }
        if object_centers is not None:
            target = batch.object_centers.to(object_centers.dtype)
            losses["parts"] = part_votes_loss(object_centers, target) / contours
        weighted = [getattr(self.config, f"{name}_weight") * loss for name, loss in losses.items()]
        return {**losses, "total": torch.stack(weighted).sum()}

    def _refinement(
        self,
        stages: Mapping[str, Tensor],
        label: Tensor,
        key_vertices: Tensor,
        contours: Tensor,
        keys: Tensor,
        epoch: int,
    ) -> Tensor:
        """The loss of all refinements: dynamic matching for the last one, from its epoch on."""
        *earlier, last = (name for name in stages if _REFINEMENT.fullmatch(name))
        losses = [contour_loss(stages[name], label) for name in earlier] or [label.sum() * 0]
        loss = torch.stack(losses).sum() / contours
        if epoch < self.config.matching_start_epoch:
            loss = loss + contour_loss(stages[last], label) / contours
        else:
            before = stages[("coarse", *earlier)[-1]]
            sums = dynamic_matching_loss(
                before, stages[last], label, key_vertices, distance=self.config.matching_distance
            )
            loss = loss + (sums.to_boundary / contours + sums.from_keys / keys) / 2
        return loss / (len(earlier) + 1) if self.config.average_refinements else loss
