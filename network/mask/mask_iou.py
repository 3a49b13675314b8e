"""The mask-IoU head of Mask Scoring R-CNN (Huang et al., 2019, sec. 3.3): how good is a mask?"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from network.layers.precision import full_precision

THRESHOLD = 0.5
"""Where masks are cut before their IoU is taken."""


class MaskIouHead(nn.Module):
    """RoI features beside a predicted mask -> the mask's IoU with the object, for every class.

    Four 3x3 convolutions, the last of stride 2, then fully connected layers of 1024, 1024 and K.
    """

    def __init__(self, channels: int, num_classes: int, *, size: int = 14) -> None:
        """`num_classes` K, without background; `size` of the RoI features, cells a side."""
        super().__init__()
        sides = (channels + 1, channels, channels, channels)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(side, channels, 3, stride=1 + (i == 3), padding=1)
            for i, side in enumerate(sides)
        )
        self.fc1 = nn.Linear(channels * ((size + 1) // 2) ** 2, 1024)
        self.fc2 = nn.Linear(1024, 1024)
        self.ious = nn.Linear(1024, num_classes)
        for convolution in self.convolutions:
            assert isinstance(convolution, nn.Conv2d) and convolution.bias is not None
            nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(convolution.bias)
        for layer in (self.fc1, self.fc2):
            nn.init.kaiming_uniform_(layer.weight, a=1)
            nn.init.zeros_(layer.bias)
        nn.init.normal_(self.ious.weight, std=0.01)
        nn.init.zeros_(self.ious.bias)

    def forward(self, features: Tensor, masks: Tensor) -> Tensor:
        """The IoUs, (n, K), not limited to [0, 1].

        Args:
            features: (n, C, 14, 14), what the mask head saw.
            masks: (n, 28, 28) probabilities, of one class each.
        """
        values = torch.cat([features, F.max_pool2d(masks[:, None], 2)], dim=1)
        for convolution in self.convolutions:
            values = F.relu(convolution(values))
        values = F.relu(self.fc1(values.flatten(1)))
        ious: Tensor = self.ious(F.relu(self.fc2(values)))
        return ious


def mask_iou_targets(masks: Tensor, targets: Tensor, inside: Tensor) -> Tensor:
    """IoU of predicted masks with whole labels, also with what of these the box cuts off, (n,).

    Inside of the box both are cut at 0.5 and counted in cells. The label as a whole is larger by
    the share of it that the box does not hold.

    Args:
        masks: (n, s, s) probabilities across the box.
        targets: (n, s, s), in [0, 1], the label across the box.
        inside: (n,) in [0, 1], the share of the label's area inside of the box.
    """
    predicted, label = masks > THRESHOLD, targets > THRESHOLD
    overlap = (predicted & label).sum(dim=(1, 2)).to(masks.dtype)
    whole = label.sum(dim=(1, 2)) / inside.clamp(min=torch.finfo(inside.dtype).tiny)
    union = predicted.sum(dim=(1, 2)) + whole - overlap
    return torch.where(overlap > 0, overlap / union, torch.zeros_like(overlap))


def shares_inside(masks: Tensor, boxes: Tensor, index: Tensor) -> Tensor:
    """Which share of a mask's area lies in a box, (n,), exact: pixels count by their part inside.

    Args:
        masks: (g, h, w), binary, any type.
        boxes: (n, 4) x0, y0, x1, y1, pixels.
        index: (n,) int64: the mask that belongs to each box.
    """
    height, width = masks.shape[1:]
    columns = _covered(boxes[:, 0], boxes[:, 2], width)
    rows = _covered(boxes[:, 1], boxes[:, 3], height)
    shares = boxes.new_zeros(len(boxes))
    for i in index.unique().tolist():
        mine = index == i
        mask = masks[i].to(boxes.dtype)
        with full_precision(mask.device):
            inside = ((rows[mine] @ mask) * columns[mine]).sum(dim=1)
        shares[mine] = inside / mask.sum().clamp(min=1)
    return shares


def _covered(low: Tensor, high: Tensor, size: int) -> Tensor:
    """Which part of every pixel of a line lies between `low` and `high` (n,), (n, size)."""
    edges = torch.arange(size, device=low.device, dtype=low.dtype)
    start, end = torch.maximum(low[:, None], edges), torch.minimum(high[:, None], edges + 1)
    return (end - start).clamp(min=0)
