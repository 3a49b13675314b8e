"""SEANet's fully convolutional box head (Chen et al., sec. 3.1, fig. 2a): every cell of a proposal
gives classes, a box, and how good that box is; the best cell speaks for the proposal.

The paper gives no numbers of convolutions and channels, only the size of the whole network
(table 6): 58.04 M with this head, 63.17 M with Mask R-CNN's. That leaves 9.18 M for the head.
Three branches of five 3x3 convolutions of 256 channels, the proposal's and the regression's
features joined by a 1x1 convolution before the third, and 3x3 predictors have 9,178,453. Among such
heads (1x1 or 3x3 predictors; joined by a sum, a 1x1 or a 3x3 convolution) only those with fifteen
convolutions in all come to 58.04 M; equally many in each branch is our choice.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from network.layers.precision import at_least_float32, full_precision
from network.mask.convolutions import convolution, convolution_stack

PRIOR = 0.01
"""Probability of every class before training, as in the focal loss's paper."""
FARTHEST = 1000 / 16
"""No distance is more than so many sides of the proposal: torchvision's limit of box sizes."""


class FcnBoxPrediction(NamedTuple):
    """What the head says of n proposals of s x s cells (s = 7); rows are y, columns x."""

    classes: Tensor
    """(n, K, s, s) logits of the foreground classes; channel k is class k + 1 of the labels."""
    distances: Tensor
    """(n, 4, s, s) left, top, right, bottom from the cell's centre to the sides of its box, > 0;
    left and right in widths of the proposal, top and bottom in heights."""
    iou: Tensor | None
    """(n, s, s) predicted GIoU of that box and its object's, in [-1, 1]."""


class CellTargets(NamedTuple):
    """What every cell of n proposals should say."""

    classes: Tensor
    """(n, s, s) int64, 1 to K; 0 for background."""
    boxes: Tensor
    """(n, s, s, 4) the object's box, input pixels; zeros for background."""


class BestBoxes(NamedTuple):
    """One detection a proposal."""

    boxes: Tensor
    """(n, 4) x0, y0, x1, y1, input pixels; not clipped to the image."""
    classes: Tensor
    """(n,) int64, 0-based."""
    scores: Tensor
    """(n,) in [0, 1]."""


class FcnBoxHead(nn.Module):
    """Features of proposals to a prediction a cell."""

    def __init__(
        self, channels: int, num_classes: int, *, box_iou: bool = True, convolutions: int = 5
    ) -> None:
        """
        Args:
            channels: of the features, and of every convolution here.
            num_classes: foreground classes K.
            box_iou: the B-IoU branch.
            convolutions: of every branch.
        """
        super().__init__()
        self.class_branch = convolution_stack(channels, convolutions)
        self.box_branch = convolution_stack(channels, convolutions)
        self.classes = _predictor(channels, num_classes, -math.log((1 - PRIOR) / PRIOR))
        # Half a side each way: a new network's boxes are as large as their proposals.
        self.distances = _predictor(channels, 4, math.log(0.5))
        self.iou_branch: nn.Sequential | None = None
        self.iou: nn.Conv2d | None = None
        if box_iou:
            joined = convolution(2 * channels, channels, 1)
            self.iou_branch = nn.Sequential(joined, *convolution_stack(channels, convolutions))
            self.iou = _predictor(channels, 1, 0.0)

    def forward(self, features: Tensor) -> FcnBoxPrediction:
        """(n, channels, s, s) RoI features, s = 7, to float32 predictions (float64 of float64)."""
        box_features = self.box_branch(features)
        classes = _predict(self.classes, self.class_branch(features))
        logarithms = _predict(self.distances, box_features)
        distances = logarithms.clamp(max=math.log(FARTHEST)).exp()
        if self.iou_branch is None or self.iou is None:
            return FcnBoxPrediction(classes, distances, None)
        judged = self.iou_branch(torch.cat([features, box_features], 1))
        # The paper has predictions from -1 to 1 and names no function. Without a bound the squared
        # error of random features drives the whole network out of its range within a few steps.
        return FcnBoxPrediction(classes, distances, _predict(self.iou, judged)[:, 0].tanh())


def cell_centers(proposals: Tensor, size: int = 7) -> Tensor:
    """Where the cells of proposals have their centres in the image (eq. 1).

    Args:
        proposals: (n, 4) x0, y0, x1, y1, input pixels.
        size: cells a side.

    Returns:
        (n, size, size, 2) x then y, input pixels; rows are y, columns x.
    """
    shares = (torch.arange(size, device=proposals.device, dtype=proposals.dtype) + 0.5) / size
    places = proposals[:, None, :2] + shares[:, None] * _sides(proposals)[:, None]
    x, y = places[:, None, :, 0], places[:, :, None, 1]
    return torch.stack(torch.broadcast_tensors(x, y), -1)


def decode_boxes(distances: Tensor, proposals: Tensor) -> Tensor:
    """The box of every cell.

    Args:
        distances: (n, 4, s, s), as `FcnBoxPrediction.distances`.
        proposals: (n, 4) x0, y0, x1, y1, input pixels.

    Returns:
        (n, s, s, 4) x0, y0, x1, y1, input pixels; not clipped to the image.
    """
    centers = cell_centers(proposals, distances.shape[-1])
    sides = _sides(proposals)[:, None, None]
    left_top, right_bottom = distances.permute(0, 2, 3, 1).split(2, -1)
    return torch.cat([centers - left_top * sides, centers + right_bottom * sides], -1)


def cell_targets(proposals: Tensor, boxes: Tensor, labels: Tensor, size: int = 7) -> CellTargets:
    """What the cells of one image's proposals should say: a cell whose centre lies inside any
    object's box is positive and takes its class and box (sec. 3.1).

    Of several boxes around a centre the one is taken that overlaps the proposal most, the first of
    equal ones. The paper leaves it open. A proposal has one mask and ends as one detection, so its
    cells should speak for one object, and this is the one that the mask branch is matched to.

    Args:
        proposals: (n, 4) x0, y0, x1, y1, input pixels.
        boxes: (m, 4) of the objects, likewise.
        labels: (m,) int64, 1 to K.
        size: cells a side.
    """
    centers = cell_centers(proposals, size)
    if not len(boxes):
        nothing = centers.new_zeros(centers.shape[:3], dtype=torch.int64)
        return CellTargets(nothing, centers.new_zeros(*centers.shape[:3], 4))
    places = centers[..., None, :]  # (n, s, s, 1, 2)
    inside = ((places > boxes[:, :2]) & (places < boxes[:, 2:])).all(-1)  # (n, s, s, m)
    overlaps = _overlaps(proposals, boxes)[:, None, None]
    owner = overlaps.where(inside, -1).argmax(-1)
    positive = inside.any(-1)
    return CellTargets(labels[owner].where(positive, 0), boxes[owner].where(positive[..., None], 0))


def best_boxes(prediction: FcnBoxPrediction, proposals: Tensor) -> BestBoxes:
    """The cell and class of every proposal with the highest score, and its box.

    With the B-IoU branch the score is class probability times predicted GIoU, cut to [0, 1]. Where
    boxes overlap well this is the paper's product. A GIoU below 0 tells of a box that misses its
    object; as a factor it would turn the order of classes round, and 0 drops the box at any score
    threshold. (GIoU + 1) / 2 would keep such boxes at up to half of their score.

    Args:
        prediction: of n proposals.
        proposals: (n, 4) x0, y0, x1, y1, input pixels.
    """
    scores = prediction.classes.sigmoid()
    if prediction.iou is not None:
        scores = scores * prediction.iou.clamp(0, 1)[:, None]
    cells = scores.shape[-2:].numel()
    # Written out, because an empty batch has no size to infer.
    best, place = scores.reshape(len(scores), scores.shape[1] * cells).max(1)
    boxes = decode_boxes(prediction.distances, proposals).reshape(len(scores), cells, 4)
    rows = torch.arange(len(scores), device=scores.device)
    return BestBoxes(boxes[rows, place % cells], place // cells, best)


def _predictor(channels: int, outputs: int, bias: float) -> nn.Conv2d:
    layer = nn.Conv2d(channels, outputs, 3, padding=1)
    nn.init.normal_(layer.weight, std=0.01)
    nn.init.constant_(layer.bias, bias)  # type: ignore[arg-type]
    return layer


def _predict(layer: nn.Conv2d, features: Tensor) -> Tensor:
    """A last layer without autocast: coordinates and scores need all digits."""
    with full_precision(features.device):
        return at_least_float32(layer(features.to(layer.weight.dtype)))


def _sides(proposals: Tensor) -> Tensor:
    """(n, 4) boxes -> (n, 2) width, height."""
    return proposals[:, 2:] - proposals[:, :2]


def _overlaps(proposals: Tensor, boxes: Tensor) -> Tensor:
    """IoU of every proposal (n, 4) with every box (m, 4): (n, m), 0 where neither has an area."""
    low = proposals[:, None, :2].maximum(boxes[:, :2])
    high = proposals[:, None, 2:].minimum(boxes[:, 2:])
    common = (high - low).clamp(min=0).prod(-1)
    union = _sides(proposals).prod(-1)[:, None] + _sides(boxes).prod(-1) - common
    return common / union.clamp(min=torch.finfo(union.dtype).tiny)
