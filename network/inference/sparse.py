"""The global deformation's map in the few cells that contours read, for prediction on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from network.contour.global_deform import GlobalDeformation
from network.layers.heads import DenseHead, head_at_cells

SPARSE_SHARE = 0.25
"""Up to this share of a map's cells, computing them one by one is faster than a convolution."""
CELLS_AT_ONCE = 2048
"""Cells computed at a time: their patches fit into a cache, and a big batch takes little memory."""


class SparseGlobalDeformation(GlobalDeformation):
    """Computes its map where contours read it, if they read few cells of it.

    For a CPU: a GPU would have to be waited for.
    """

    def __init__(self, plain: GlobalDeformation) -> None:
        """With the layers of `plain`."""
        nn.Module.__init__(self)
        self.activation = plain.activation
        self.trans_feature = plain.trans_feature
        self.trans_poly, self.trans_fuse = plain.trans_poly, plain.trans_fuse

    def own_map(self, features: Tensor, points: Tensor, image_index: Tensor) -> Tensor:
        """As the plain module. A graph of `torch.compile` cannot depend on a number of cells."""
        batch, _, height, width = features.shape
        if not torch.compiler.is_compiling():
            read = cells_read(points, image_index, (batch, height, width))
            if int(read.sum()) <= SPARSE_SHARE * read.numel():
                return head_where(self.trans_feature, features, read)
        return super().own_map(features, points, image_index)


def cells_read(points: Tensor, image_index: Tensor, shape: tuple[int, int, int]) -> Tensor:
    """The cells that `sample_features` reads, and a few more where points lie off the map.

    Args:
        points: (n, P, 2), x then y, feature cells.
        image_index: (n,) int64.
        shape: (B, h, w) of the map.

    Returns:
        (B, h, w) bool.
    """
    _, height, width = shape
    step = torch.arange(2, device=points.device)
    # Where rounding puts a point into the next cell, that cell is read with a weight of 0.
    first = (points - 0.5).floor().long()
    x = (first[..., 0, None, None] + step).clamp(0, width - 1)
    y = (first[..., 1, None, None] + step[:, None]).clamp(0, height - 1)
    read = torch.zeros(shape, dtype=torch.bool, device=points.device)
    read.view(-1)[((image_index[:, None, None, None] * height + y) * width + x).flatten()] = True
    return read


def head_where(head: DenseHead, features: Tensor, wanted: Tensor) -> Tensor:
    """`head(features)` in the wanted cells, 0 elsewhere. The host waits for their number.

    Args:
        head: the dense head.
        features: (B, channels_in, h, w).
        wanted: (B, h, w) bool.

    Returns:
        (B, channels_out, h, w), channels last, of the type of the head.
    """
    last = head[-1]
    assert isinstance(last, nn.Conv2d)
    image_index, y, x = wanted.nonzero().unbind(1)
    cells = torch.stack([x, y], dim=1)
    result = last.weight.new_zeros(*wanted.shape, last.out_channels)
    for some, images in zip(
        cells.split(CELLS_AT_ONCE), image_index.split(CELLS_AT_ONCE), strict=True
    ):
        values = head_at_cells(head, features, some, images)
        result.index_put_((images, some[:, 1], some[:, 0]), values)
    return result.permute(0, 3, 1, 2)
