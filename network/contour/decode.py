"""Decoding: peaks of the centre heat map become detections (CenterNet, sec. 4.1)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from lib.ops import heatmap_nms


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
        score_threshold: peaks below it are dropped (published: 0.05).
        max_detections: at most this many per image (published: 100).
        valid_size: (height, width) in cells; peaks beyond lie in the padding and are dropped.
    """
    batch, classes, height, width = heatmap.shape
    # Channels last, as on a CPU: all classes of a cell lie together.
    candidates = heatmap_nms(heatmap.float().sigmoid().permute(0, 2, 3, 1))
    if valid_size is not None:
        candidates[:, valid_size[0] :] = 0
        candidates[:, :, valid_size[1] :] = 0
    top, index = top_scores(candidates.flatten(1, 2), min(max_detections, height * width))
    # A cell that is no peak has score 0 and must not pass a threshold of 0.
    keep = (top >= score_threshold) & (top > 0)
    image_index = torch.arange(batch, device=heatmap.device)[:, None].expand_as(top)[keep]
    index = index[keep]
    cell = index // classes
    centers = torch.stack([cell % width, cell // width], dim=1)
    return Centers(image_index, index % classes, top[keep], centers)


def top_scores(scores: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The highest scores of every image, in descending order.

    They lie in the `count` cells with the highest maxima, so only those cells are sorted; the rest
    is read once. Which of several equal scores are taken at the limit is not defined.

    Args:
        scores: (B, cells, C).
        count: how many; all, if there are fewer.

    Returns:
        Scores and their indices into the flattened (cells, C), (B, count) both.
    """
    classes = scores.shape[2]
    cells = scores.amax(dim=2).topk(min(count, scores.shape[1]), dim=1).indices
    kept = scores.gather(1, cells[..., None].expand(-1, -1, classes)).flatten(1)
    top, index = kept.topk(min(count, kept.shape[1]), dim=1)
    return top, cells.gather(1, index // classes) * classes + index % classes
