"""Dynamic matching loss: pairs of predicted and label vertices are found in every step (paper
sec. 3.3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

SUBDIVISION = 10
"""Equal segments per label edge."""
TABLE = 2**21
"""Pairs compared at a time: their tables take about 8 MiB each, near a processor's cache size,
however many contours there are."""

_EXACT = "donot_use_mm_for_euclid_dist"
Distance = Literal["smooth_l1", "l1"]
_DISTANCES: dict[str, Callable[..., Tensor]] = {"smooth_l1": F.smooth_l1_loss, "l1": F.l1_loss}


class MatchingSums(NamedTuple):
    """The components, summed; the caller divides and averages them (paper eq. 5)."""

    to_boundary: Tensor
    """Predicted vertices to the label boundary (eq. 2): mean over a contour, summed over n."""
    from_keys: Tensor
    """Key vertices to predicted vertices (eq. 4): mean over x and y, summed over all keys."""
    from_keys_by_contour: Tensor
    """The same, averaged over the keys of a contour, summed over n: many keys weigh no more."""


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
    # So many contours at a time that the tables of all pairs stay small.
    count = max(1, TABLE // max(before.shape[1] * label.shape[1], 1))
    with torch.no_grad():
        pairs = list(zip(before.split(count), label.split(count), strict=True))
        target = torch.cat([nearest_on_boundary(points, contour) for points, contour in pairs])
        nearest_vertex = torch.cat(
            [
                torch.cdist(contour, points, compute_mode=_EXACT).argmin(dim=2)
                for points, contour in pairs
            ]
        )
    to_boundary = function(after, target, reduction="none").mean(dim=(1, 2)).sum()
    pulled = _take(after, nearest_vertex)
    per_vertex = function(pulled, label, reduction="none").mean(dim=2)
    at_keys = per_vertex * keys
    by_contour = at_keys.sum(dim=1) / keys.sum(dim=1).clamp(min=1)
    return MatchingSums(to_boundary, at_keys.sum(), by_contour.sum())


def nearest_on_boundary(points: Tensor, contour: Tensor) -> Tensor:
    """For every point the nearest of those that divide every edge into `SUBDIVISION` equal parts.

    The nearest point of one edge is the one next to the foot of the perpendicular, so every edge is
    looked at once instead of once per segment. Of equally near points the first is taken.

    Args:
        points: (n, P, 2).
        contour: (n, N, 2).

    Returns:
        (n, P, 2).
    """
    start_x, start_y = contour[:, None].unbind(3)  # (n, 1, N), as all that follows of edges
    edge_x, edge_y = (contour.roll(-1, dims=1) - contour)[:, None].unbind(3)
    x, y = points[:, :, None].unbind(3)  # (n, P, 1)
    # The foot of the perpendicular, counted in segments of the edge. Edges of no length have any.
    scale = SUBDIVISION / (edge_x**2 + edge_y**2).clamp(min=1e-12)
    foot = (x * edge_x + y * edge_y - (start_x * edge_x + start_y * edge_y)) * scale
    step = foot.sub_(0.5).ceil_().clamp_(0, SUBDIVISION - 1).div_(SUBDIVISION)
    distance = (start_x + step * edge_x - x).square_() + (start_y + step * edge_y - y).square_()
    edge = distance.argmin(dim=2)
    step = step.gather(2, edge[:, :, None])
    following = contour.roll(-1, dims=1)
    start = _take(contour, edge)
    return start + step * (_take(following, edge) - start)


def _take(points: Tensor, index: Tensor) -> Tensor:
    """(n, P, 2), (n, Q) -> (n, Q, 2)."""
    return points.gather(1, index[..., None].expand(-1, -1, 2))
