"""Dynamic matching loss: pairs of predicted and label vertices found anew (paper sec. 3.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

SUBDIVISION = 10
"""Every label edge is split into so many equal parts."""
CHUNK = 32
"""Contours matched at a time, which bounds the table of distances."""

Distance = Literal["smooth_l1", "l1"]
_DISTANCES: dict[str, Callable[..., Tensor]] = {"smooth_l1": F.smooth_l1_loss, "l1": F.l1_loss}


class MatchingSums(NamedTuple):
    """The two components, summed; the caller divides and averages them (paper eq. 5)."""

    to_boundary: Tensor
    """Predicted vertices to the label boundary (eq. 2): mean over a contour, summed over n."""
    from_keys: Tensor
    """Key vertices to predicted vertices (eq. 4): mean over x and y, summed over all keys."""


def dynamic_matching_loss(
    before: Tensor, after: Tensor, label: Tensor, keys: Tensor, *, distance: Distance = "smooth_l1"
) -> MatchingSums:
    """Both components of the loss.

    Pairs are nearest by squared L2 distance on the contour *before* the last module; the loss is
    taken on the output *after* it.

    Args:
        before: (n, N, 2), input of the last module, input pixels.
        after: (n, N, 2), its output.
        label: (n, N, 2), label vertices.
        keys: (n, N) bool, the key vertices of the label.
        distance: smooth_l1 as published, l1 as in the paper.
    """
    function = _DISTANCES[distance]
    boundary = subdivide(label)
    with torch.no_grad():
        nearest_boundary = _nearest(before, boundary)
        nearest_vertex = _nearest(label, before)
    target = _take(boundary, nearest_boundary)
    to_boundary = function(after, target, reduction="none").mean(dim=(1, 2)).sum()
    pulled = _take(after, nearest_vertex)
    per_vertex = function(pulled, label, reduction="none").mean(dim=2)
    return MatchingSums(to_boundary, (per_vertex * keys).sum())


def subdivide(contour: Tensor, parts: int = SUBDIVISION) -> Tensor:
    """(n, N, 2) -> (n, N * parts, 2): every edge split into equal parts, vertices kept."""
    following = contour.roll(-1, dims=1)
    step = torch.arange(parts, device=contour.device, dtype=contour.dtype) / parts
    points = contour[:, :, None] + step[:, None] * (following - contour)[:, :, None]
    return points.flatten(1, 2)


def _nearest(points: Tensor, candidates: Tensor) -> Tensor:
    """(n, P, 2), (n, Q, 2) -> (n, P): for every point the nearest candidate."""
    found = [
        torch.cdist(p, c, compute_mode="donot_use_mm_for_euclid_dist").argmin(dim=2)
        for p, c in zip(points.split(CHUNK), candidates.split(CHUNK), strict=True)
    ]
    return torch.cat(found)


def _take(points: Tensor, index: Tensor) -> Tensor:
    """(n, P, 2), (n, Q) -> (n, Q, 2)."""
    return points.gather(1, index[..., None].expand(-1, -1, 2))
