"""The weighted sum of the losses of the mask family.

Each kind of head brings functions of its samples that give losses by name; torchvision computes
those of the region proposal network and of its own box head.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.models.detection.roi_heads import fastrcnn_loss

from dataset.contour.boundary_points import BoundaryLabels
from e2ec.losses.sharp import point_counts, sharp_loss
from network.mask.outputs import BoxSamples, MaskSamples, TrainingOutput
from network.sharp.settings import Movement

BoxLosses = Callable[[BoxSamples], Mapping[str, Tensor]]
"""What a box head learns from, by name: means, as torchvision takes them."""
MaskLosses = Callable[[MaskSamples], Mapping[str, Tensor]]
"""The same of mask heads; of no sample at all they are 0 and still have a gradient."""


@dataclass(frozen=True)
class LateLosses:
    """A loss of masks that sets in later: until then it is 0."""

    losses: MaskLosses
    name: str
    """Of the one loss that it gives."""
    first_epoch: int
    """Counted from 0."""


class LabelledBatch(Protocol):
    """What the losses need of a batch besides the network's output."""

    @property
    def images(self) -> Tensor:
        """(B, 3, h, w)."""

    @property
    def boundary(self) -> BoundaryLabels | None:
        """Points near boundaries, where SharpContour learns."""


class MaskTotalLoss:
    """The losses of mask networks: a `families.family.Loss`."""

    def __init__(
        self,
        weights: Mapping[str, float],
        *,
        boxes: BoxLosses,
        masks: Sequence[MaskLosses],
        later: LateLosses | None = None,
        movement: Movement | None = None,
    ) -> None:
        """
        Args:
            weights: of the losses by name; 1 where a name is missing.
            boxes: the losses of the box head.
            masks: those of everything that sees objects alone.
            later: one of these that sets in later.
            movement: of SharpContour; None where it does not learn.
        """
        self.weights = weights
        self.boxes = boxes
        self.masks = masks
        self.later = later
        self.movement = movement

    def counts(self, batch: LabelledBatch) -> Tensor:
        """Images, (1,); where SharpContour learns also its points, and those outside, (3,)."""
        images = batch.images.new_tensor([len(batch.images)], dtype=torch.float32)
        if self.movement is None:
            return images
        assert batch.boundary is not None
        return torch.cat([images, point_counts(batch.boundary).to(images)])

    def __call__(
        self, output: TrainingOutput, batch: LabelledBatch, counts: Tensor, *, epoch: int
    ) -> dict[str, Tensor]:
        """Losses of one batch, as its images' share of the whole step.

        torchvision's losses are means over the samples of a batch. Micro-batches count by their
        images; with one of them the losses are torchvision's.

        Args:
            output: of the network in training mode.
            batch: the labels.
            counts: of the whole step.
            epoch: counted from 0.

        Returns:
            objectness, rpn_box, those of the heads, and sharp (each unweighted), and total. Where
            SharpContour learns alone, its loss is the only one.
        """
        means: dict[str, Tensor] = {}
        if output.boxes is not None and output.masks is not None:
            means = {**output.rpn, **self.boxes(output.boxes)}
            for losses in self.masks:
                means |= losses(output.masks)
            if self.later is not None and epoch >= self.later.first_epoch:
                means |= self.later.losses(output.masks)
            elif self.later is not None:
                means[self.later.name] = means["mask"].new_zeros(())
        share = output.images / counts[0].clamp(min=1)
        result = {name: loss * share for name, loss in means.items()}
        if self.movement is not None:
            assert output.at_points is not None and batch.boundary is not None
            result["sharp"] = sharp_loss(
                output.at_points, batch.boundary, counts[1:3], self.movement
            )
        weighted = [self.weights.get(name, 1.0) * loss for name, loss in result.items()]
        return {**result, "total": torch.stack(weighted).sum()}


def fc_box_losses(samples: BoxSamples) -> dict[str, Tensor]:
    """class and box of torchvision's box head: cross-entropy over all samples; smooth L1 of the
    movement of those that show an object, divided by the number of all."""
    logits, movements = samples.prediction
    if not len(logits):
        return {"class": logits.sum() * 0, "box": movements.sum() * 0}
    of_class, of_box = fastrcnn_loss(logits, movements, samples.labels, samples.movements)
    return {"class": of_class, "box": of_box}


def mask_losses(samples: MaskSamples) -> dict[str, Tensor]:
    """mask: binary cross-entropy of the mask of the label's class, as torchvision's
    `maskrcnn_loss`."""
    logits = of_label(samples.prediction.masks, samples)
    if not len(logits):
        return {"mask": samples.prediction.masks.sum() * 0}
    return {"mask": F.binary_cross_entropy_with_logits(logits, samples.targets)}


def mask_iou_losses(samples: MaskSamples) -> dict[str, Tensor]:
    """mask_iou: mean squared error of the predicted IoU (Mask Scoring R-CNN, sec. 3.3)."""
    assert samples.ious is not None and samples.iou_targets is not None
    if not len(samples.ious):
        return {"mask_iou": samples.ious.sum() * 0}
    return {"mask_iou": F.mse_loss(samples.ious, samples.iou_targets)}


def of_label(logits: Tensor, samples: MaskSamples) -> Tensor:
    """Of logits (n, K + 1, ...) those of the label's class, (n, ...)."""
    return logits[torch.arange(len(samples.labels), device=logits.device), samples.labels]
