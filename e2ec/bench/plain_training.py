"""A training step without this project's operators: the baseline of speed measurements.

torchvision's deformable convolution, dense heads, losses instance by instance, every vertex against
every point of the subdivided label, the loss read in every step.
"""

from __future__ import annotations

import copy
import math

import torch
import torch.nn.functional as F
from torch import Tensor

from dataset.contour.targets import Batch
from e2ec.bench.plain_network import DeformConv, PlainE2EC, plain_stages
from e2ec.families.preprocess import normalize
from e2ec.losses.dynamic_matching import SUBDIVISION
from network.contour.e2ec import E2EC

CLIP_VALUE = 40.0


class PlainTraining:
    """Network and optimiser; starts from a copy of the weights of `network`."""

    def __init__(self, network: E2EC, deform_conv: DeformConv, *, lr: float) -> None:
        self.network = PlainE2EC(copy.deepcopy(network), deform_conv).network.train()
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr, weight_decay=5e-4)

    def step(self, batch: Batch) -> float:
        """Update the weights once, with dynamic matching; the loss before it."""
        heatmap, contours = self._forward(batch)
        loss = plain_loss(heatmap, contours, batch)
        value = loss.item()
        if not math.isfinite(value):
            raise FloatingPointError("the loss is not finite")
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_value_(self.network.parameters(), CLIP_VALUE)
        self.optimizer.step()
        return value

    def _forward(self, batch: Batch) -> tuple[Tensor, list[Tensor]]:
        """Heat map logits, and contours of all stages in input pixels."""
        network, centers, image_index = self.network, batch.centers, batch.image_index
        images = normalize(batch.images).to(next(network.parameters()).dtype)
        features = network.neck(network.backbone(images))
        heatmap, offsets = network.heatmap(features), network.offsets(features)
        return heatmap, plain_stages(network, features, offsets, centers, image_index)


def plain_loss(heatmap: Tensor, contours: list[Tensor], batch: Batch) -> Tensor:
    """The total loss with the published weights, instance by instance."""
    initial, coarse, *refined = contours
    count = max(len(batch.contours), 1)
    keys = max(int(batch.keys.sum()), 1)
    total = _focal(heatmap, batch.heatmaps)
    for i, label in enumerate(batch.contours):
        total = total + 0.1 * F.smooth_l1_loss(initial[i], label) / count
        total = total + 0.1 * F.smooth_l1_loss(coarse[i], label) / count
        refinement = initial.new_zeros(())
        for stage in refined[:-1]:
            refinement = refinement + F.smooth_l1_loss(stage[i], label) / count
        to_boundary, from_keys = _matching(refined[-2][i], refined[-1][i], label, batch.keys[i])
        refinement = refinement + (to_boundary / count + from_keys / keys) / 2
        total = total + refinement / len(refined)
    return total


def _focal(logits: Tensor, target: Tensor) -> Tensor:
    """CenterNet's."""
    p = torch.clamp(torch.sigmoid(logits), min=1e-4, max=1 - 1e-4)
    positive, negative = target.eq(1).float(), target.lt(1).float()
    at_positives = torch.log(p) * torch.pow(1 - p, 2) * positive
    at_negatives = torch.log(1 - p) * torch.pow(p, 2) * torch.pow(1 - target, 4) * negative
    return -(at_positives.sum() + at_negatives.sum()) / max(float(positive.sum()), 1.0)


def _matching(before: Tensor, after: Tensor, label: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
    """Both components for one contour (N, 2)."""
    following = label.roll(-1, dims=0)
    steps = torch.arange(SUBDIVISION, dtype=label.dtype) / SUBDIVISION
    boundary = label[:, None] + steps[:, None] * (following - label)[:, None]
    boundary = boundary.view(-1, 2)
    nearest = (before.detach()[:, None] - boundary[None]).pow(2).sum(2).argmin(1)
    to_boundary = F.smooth_l1_loss(after, boundary[nearest])
    nearest = (label[:, None] - before.detach()[None]).pow(2).sum(2).argmin(1)
    pulled = F.smooth_l1_loss(after[nearest], label, reduction="none").mean(1)
    return to_boundary, (pulled * keys).sum()
