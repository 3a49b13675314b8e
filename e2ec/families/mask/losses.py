"""Which losses a network of the mask family learns from, by its heads."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from e2ec.config import Config, ContourLossConfig, MaskConfig, MaskLossConfig
from e2ec.losses.edge import edge_labels, edge_loss
from e2ec.losses.fcn_box import fcn_box_losses
from e2ec.losses.mask_boundary import BoundaryLoss, Supervision, boundary_head_loss
from e2ec.losses.mask_head_contour import mask_head_contour_loss
from e2ec.losses.mask_total import (
    LateLosses,
    MaskLosses,
    MaskTotalLoss,
    fc_box_losses,
    mask_iou_losses,
    mask_losses,
)
from network.mask.fcn_box_head import cell_targets, decode_boxes
from network.mask.outputs import BoxSamples, MaskSamples


def losses_of(config: Config) -> MaskTotalLoss:
    """The losses of the heads that the settings name, and their weights."""
    assert isinstance(config.model, MaskConfig)
    model, loss = config.model, config.loss
    later = None
    if loss.contour_weight > 0:
        later = LateLosses(
            partial(contour_losses, settings=loss.contour),
            name="contour",
            first_epoch=min(
                round(loss.contour.start * config.train.epochs), config.train.epochs - 1
            ),
        )
    return MaskTotalLoss(
        loss_weights(loss.mask) | {"contour": loss.contour_weight, "sharp": loss.sharp_weight},
        boxes=fc_box_losses if model.box_head == "fc" else cell_losses,
        masks=_mask_losses(model, loss.mask),
        later=later,
        movement=None if model.sharp.training == "off" else model.sharp.movement,
    )


def loss_weights(settings: MaskLossConfig) -> dict[str, float]:
    """Weights by the names of the losses."""
    ending = "_weight"
    named = vars(settings).items()
    return {name.removesuffix(ending): one for name, one in named if name.endswith(ending)}


def _mask_losses(model: MaskConfig, settings: MaskLossConfig) -> list[MaskLosses]:
    found: list[MaskLosses] = [mask_losses]
    if model.mask_head in ("boundary", "sobel"):
        supervision = model.boundary.supervision if model.mask_head == "boundary" else "boundary"
        found.append(partial(boundary_losses, kind=settings.boundary, supervision=supervision))
    if model.mask_head == "attention" and model.attention.edge_attention:
        found.append(edge_losses)
    if model.mask_iou:
        found.append(mask_iou_losses)
    return found


def cell_losses(samples: BoxSamples) -> dict[str, Tensor]:
    """class, box and, with the branch, box_iou of the fully convolutional box head."""
    prediction = samples.prediction
    size = prediction.classes.shape[-1]
    images = zip(samples.proposals, samples.targets, strict=True)
    targets = [cell_targets(one, t["boxes"], t["labels"], size) for one, t in images]
    losses = fcn_box_losses(
        prediction.classes,
        decode_boxes(prediction.distances, torch.cat(samples.proposals)),
        prediction.iou,
        torch.cat([one.classes for one in targets]),
        torch.cat([one.boxes for one in targets]),
    )
    named = {"class": losses.classes, "box": losses.boxes}
    return named if losses.box_iou is None else named | {"box_iou": losses.box_iou}


def boundary_losses(
    samples: MaskSamples, *, kind: BoundaryLoss, supervision: Supervision
) -> dict[str, Tensor]:
    """boundary: see `boundary_head_loss`."""
    logits = samples.prediction.boundaries
    assert logits is not None
    of_label_alone = logits.shape[1] == 1
    places = torch.zeros_like(samples.labels) if of_label_alone else samples.labels
    loss = boundary_head_loss(logits, places, samples.targets, kind, supervision)
    return {"boundary": loss}


def edge_losses(samples: MaskSamples) -> dict[str, Tensor]:
    """edge: see `edge_loss`; none where the head predicts no edges."""
    logits = samples.prediction.edges
    if logits is None:
        return {}
    assert samples.wide_targets is not None
    return {"edge": edge_loss(logits, edge_labels(samples.wide_targets)[:, 1:-1, 1:-1])}


def contour_losses(samples: MaskSamples, *, settings: ContourLossConfig) -> dict[str, Tensor]:
    """contour: see `mask_head_contour_loss`."""
    logits = samples.prediction.masks
    return {"contour": mask_head_contour_loss(logits, samples.labels, samples.targets, settings)}
