"""The weighted sum of all losses (paper eq. 11)."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from dataset.contour.targets import Batch
from e2ec.config import LossConfig
from e2ec.losses.contour_as_mask import contour_as_mask_loss
from e2ec.losses.dynamic_matching import dynamic_matching_loss
from e2ec.losses.focal import focal_loss
from e2ec.losses.sharp import point_counts, sharp_loss
from e2ec.losses.smooth_l1 import smooth_l1
from network.contour.contour_network import NetworkOutput
from network.sharp.settings import Movement

_REFINEMENT = re.compile(r"refine\d+")


class TotalLoss:
    """The losses of contour networks: a `families.family.Loss`."""

    def __init__(
        self, config: LossConfig, movement: Movement | None = None, *, epochs: int = 1
    ) -> None:
        """`movement` of SharpContour; None where it does not learn. `epochs` of the whole run: the
        contour loss sets in after a share of them."""
        self.config = config
        self.movement = movement
        self.contour_start = min(round(config.contour.start * epochs), epochs - 1)

    def counts(self, batch: Batch) -> Tensor:
        """Positive cells, labelled contours and key vertices, (3,); where SharpContour learns also
        its points, and those of them outside, (5,)."""
        contours = torch.full((), float(len(batch.keys)), device=batch.keys.device)
        positives = (batch.heatmaps == 1).sum().float()
        counts = [positives, contours, batch.keys.sum().float()]
        if self.movement is not None:
            assert batch.boundary is not None
            counts += point_counts(batch.boundary).unbind()
        return torch.stack(counts)

    def __call__(
        self, output: NetworkOutput, batch: Batch, counts: Tensor, *, epoch: int
    ) -> dict[str, Tensor]:
        """Losses of one batch.

        Every loss names the stages that it supervises; stages of other names are left alone.

        Args:
            output: of the network at the centres of the batch.
            batch: the labels.
            counts: of the whole step; a count of 0 is taken as 1.
            epoch: counted from 0; the dynamic matching loss sets in at `matching_start_epoch`.

        Returns:
            center, initial, coarse, refinement, with a weight contour, with votes parts, with
            SharpContour sharp (each unweighted), and total. Where SharpContour learns alone, there
            is no stage to compare, and its loss is the only one.
        """
        positives, contours, keys = counts[:3].clamp(min=1).unbind()
        stages = output.stages
        losses: dict[str, Tensor] = {}
        if stages:
            label = batch.contours.to(stages["init"].dtype)
            center = focal_loss(output.heatmap, batch.heatmaps, batch.ignored_cells)
            losses = {
                "center": center / positives,
                "initial": smooth_l1(stages["init"], label) / contours,
                "coarse": smooth_l1(stages["coarse"], label) / contours,
                "refinement": self._refinement(stages, label, batch.keys, contours, keys, epoch),
            }
            if self.config.contour_weight > 0:
                losses["contour"] = self._contour(stages, label, epoch) / contours
        if output.object_centers is not None:
            target = batch.object_centers.to(output.object_centers.dtype)
            losses["parts"] = smooth_l1(output.object_centers, target) / contours
        if self.movement is not None:
            assert output.at_points is not None and batch.boundary is not None
            losses["sharp"] = sharp_loss(
                output.at_points, batch.boundary, counts[3:5], self.movement
            )
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
        losses = [smooth_l1(stages[name], label) for name in earlier] or [label.sum() * 0]
        loss = torch.stack(losses).sum() / contours
        if epoch < self.config.matching_start_epoch:
            loss = loss + smooth_l1(stages[last], label) / contours
        else:
            before = stages[("coarse", *earlier)[-1]]
            sums = dynamic_matching_loss(
                before, stages[last], label, key_vertices, distance=self.config.matching_distance
            )
            loss = loss + (sums.to_boundary / contours + sums.from_keys / keys) / 2
        return loss / (len(earlier) + 1) if self.config.average_refinements else loss

    def _contour(self, stages: Mapping[str, Tensor], label: Tensor, epoch: int) -> Tensor:
        """A loss of masks on one stage, summed over contours; 0 until it sets in."""
        if epoch < self.contour_start:
            return label.new_zeros(())
        settings = self.config.contour
        last = [name for name in stages if _REFINEMENT.fullmatch(name)][-1]
        return contour_as_mask_loss(stages[settings.stage or last], label, settings)
