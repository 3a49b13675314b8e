"""Decoding: peaks of the centre heat map become detections (CenterNet, sec. 4.1)."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class Centers(NamedTuple):
    """Detected centres of a batch, ordered by image, then by falling score."""

    image_index: Tensor
    """(n,) int64, the image in the batch."""
    classes: Tensor
    """(n,) int64."""
    scores: Tensor
    """(n,) float in [0, 1]."""
    centers: Tensor
    """(n, 2) int64, x then y, feature cells."""


def decode_centers(
    heatmap: Tensor,
    *,
    score_threshold: float = 0.05,
    max_detections: int = 100,
    valid_size: tuple[int, int] | None = None,
) -> Centers:
    """The highest 3x3 peaks of every image.

    Args:
        heatmap: (B, C, h, w) logits.
        score_threshold: peaks below it are left out (published: 0.05).
        max_detections: at most so many per image (published: 100).
        valid_size: (height, width) in cells; peaks beyond lie in the padding and are left out.
    """
    batch, _, height, width = heatmap.shape
    scores = heatmap.float().sigmoid()
    peak = F.max_pool2d(scores, 3, stride=1, padding=1) == scores
    if valid_size is not None:
        peak[:, :, valid_size[0] :] = False
        peak[:, :, :, valid_size[1] :] = False
    candidates = (scores * peak).flatten(1)
    count = min(max_detections, height * width, candidates.shape[1])
    top, index = candidates.topk(count, dim=1)
    # A cell that is no peak counts 0 and must not pass a threshold of 0.
    keep = (top >= score_threshold) & (top > 0)
    image_index = torch.arange(batch, device=heatmap.device)[:, None].expand_as(top)[keep]
    index = index[keep]
    cell = index % (height * width)
    centers = torch.stack([cell % width, cell // width], dim=1)
    return Centers(image_index, index // (height * width), top[keep], centers)
