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
    top, index = top_scores(scores * peak, min(max_detections, height * width))
    # A cell that is no peak counts 0 and must not pass a threshold of 0.
    keep = (top >= score_threshold) & (top > 0)
    image_index = torch.arange(batch, device=heatmap.device)[:, None].expand_as(top)[keep]
    index = index[keep]
    cell = index % (height * width)
    centers = torch.stack([cell % width, cell // width], dim=1)
    return Centers(image_index, index // (height * width), top[keep], centers)


def top_scores(scores: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The highest scores of every image, by falling score.

    They stand in the `count` map rows of the highest maxima, so those rows alone are sorted: the
    rest is read once. Which of several equal scores are taken at the limit is not defined.

    Args:
        scores: (B, C, h, w).
        count: how many; all there are where there are fewer.

    Returns:
        Scores and their indices into the flattened (C, h, w), (B, count) both.
    """
    rows = scores.flatten(1, 2)
    highest = rows.amax(dim=2).topk(min(count, rows.shape[1]), dim=1).indices
    width = rows.shape[2]
    kept = rows.gather(1, highest[..., None].expand(-1, -1, width)).flatten(1)
    top, index = kept.topk(min(count, kept.shape[1]), dim=1)
    row = highest.gather(1, index // width)
    return top, row * width + index % width
