"""The weighted sum of all losses (paper eq. 11)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from dataset.contour.targets import Batch
from e2ec.config import LossConfig
from e2ec.losses.box import box_loss
from e2ec.losses.contour_as_mask import contour_as_mask_loss
from e2ec.losses.contour_iou import contour_iou_loss
from e2ec.losses.distillation import soft_focal_loss
from e2ec.losses.focal import focal_loss
from e2ec.losses.refinement import refinement_loss, refinement_names
from e2ec.losses.sharp import point_counts, sharp_loss
from e2ec.losses.smooth_l1 import smooth_l1
from e2ec.losses.steps import steps_loss
from network.contour.contour_network import NetworkOutput
from network.sharp.settings import Movement


def first_epoch(share: float, epochs: int) -> int:
    """The epoch, counted from 0, in which sets in what is to after a share of a run's epochs."""
    return min(round(share * epochs), epochs - 1)


class TotalLoss:
    """The losses of contour networks: a `families.family.Loss`."""

    def __init__(
        self,
        config: LossConfig,
        movement: Movement | None = None,
        *,
        epochs: int = 1,
        boundary_map: bool = False,
        judged: bool = False,
        boxes: bool = False,
    ) -> None:
        """`movement` of SharpContour; None where it does not learn. `epochs` of the whole run: the
        contour loss sets in after a share of them. Whether there is a `boundary_map` to learn,
        whether contours are `judged`: the network predicts IoUs, and whether initial contours are
        those of `boxes`."""
        self.config = config
        self.initial_loss = box_loss if boxes else smooth_l1
        self.movement = movement
        self.boundary_map = boundary_map
        self.judged = judged
        self.contour_start = first_epoch(config.contour.start, epochs)

    def counts(self, batch: Batch) -> Tensor:
        """Positive cells, labelled contours and key vertices, (3,); where SharpContour learns also
        its points, and those of them outside, (5,). Where there is a boundary map, at the end the
        cells of boundaries."""
        contours = torch.full((), float(len(batch.keys)), device=batch.keys.device)
        positives = (batch.heatmaps == 1).sum().float()
        counts = [positives, contours, batch.keys.sum().float()]
        if self.movement is not None:
            assert batch.boundary is not None
            counts += point_counts(batch.boundary).unbind()
        if self.boundary_map:
            counts.append(batch.boundaries.sum())
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
            epoch: counted from 0; some losses set in on the way.

        Returns:
            center, initial, with a global deformation coarse, refinement, with weights contour,
            steps and distillation (0 until the output comes with its teacher's), with their heads
            contour_iou, boundary_map and parts, with SharpContour sharp (each unweighted), and
            total. Where SharpContour learns alone, there is no stage to compare, and its loss is
            the only one.
        """
        positives, contours, keys = counts[:3].clamp(min=1).unbind()
        losses: dict[str, Tensor] = {}
        if output.stages:
            center = focal_loss(output.heatmap, batch.heatmaps, batch.ignored_cells)
            losses = {"center": center / positives}
            losses |= self._of_stages(output, batch, contours, keys, epoch=epoch)
            if self.config.distillation_weight > 0:
                losses["distillation"] = _distillation(output, positives, contours)
        if self.boundary_map:
            assert output.boundary_map is not None
            cells = counts[-1].clamp(min=1)
            losses["boundary_map"] = focal_loss(output.boundary_map, batch.boundaries) / cells
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

    def _of_stages(
        self, output: NetworkOutput, batch: Batch, contours: Tensor, keys: Tensor, *, epoch: int
    ) -> dict[str, Tensor]:
        """The losses of the contours of every stage, of which there is one at least."""
        stages = output.stages
        label = batch.contours.to(stages["init"].dtype)
        losses = {"initial": self.initial_loss(stages["init"], label) / contours}
        if "coarse" in stages:
            losses["coarse"] = smooth_l1(stages["coarse"], label) / contours
        losses["refinement"] = refinement_loss(
            stages, label, batch.keys, contours, keys, self.config, epoch=epoch
        )
        if self.config.contour_weight > 0:
            losses["contour"] = self._contour(stages, label, epoch) / contours
        if self.config.steps_weight > 0:
            last = stages[refinement_names(stages)[-1]]
            losses["steps"] = steps_loss(last, label) / contours
        if self.judged:
            losses["contour_iou"] = contour_iou_loss(output.iou_logits, stages, label) / contours
        return losses

    def _contour(self, stages: Mapping[str, Tensor], label: Tensor, epoch: int) -> Tensor:
        """A loss of masks on one stage, or on all refinements, summed over contours; 0 until it
        sets in."""
        if epoch < self.contour_start:
            return label.new_zeros(())
        settings = self.config.contour
        refinements = refinement_names(stages)
        if settings.stage != "refinements":
            return contour_as_mask_loss(stages[settings.stage or refinements[-1]], label, settings)
        losses = [contour_as_mask_loss(stages[name], label, settings) for name in refinements]
        total = torch.stack(losses).sum()
        return total / len(losses) if self.config.average_refinements else total


def _distillation(output: NetworkOutput, positives: Tensor, contours: Tensor) -> Tensor:
    """Heat map and last refinement against the teacher's, divided as those of labels are."""
    if output.teacher is None:
        return output.heatmap.new_zeros(())
    last = refinement_names(output.stages)[-1]
    target = output.teacher.stages[last].detach()
    heat = soft_focal_loss(output.heatmap, output.teacher.heatmap) / positives
    return heat + smooth_l1(output.stages[last], target) / contours
