"""Global deformation: all vertex features of a contour move all of its vertices (sec. 3.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from network.contour.contour_start import Activation
from network.layers.heads import DenseHead
from network.layers.precision import full_precision
from network.layers.sampling import sample_features

OFFSET_SCALE = 4.0
"""The module predicts offsets in units of four feature cells."""


class GlobalDeformation(nn.Module):
    """From the initial to the coarse contour."""

    def __init__(
        self,
        channels_in: int,
        *,
        vertices: int = 128,
        head_hidden: int = 256,
        channels: int = 64,
        hidden: int = 512,
        activation: Activation = "none",
    ) -> None:
        super().__init__()
        self.activation: Activation = activation
        self.trans_feature = DenseHead(channels_in, head_hidden, channels)
        # Two linear maps, by default without an activation between: the published network has
        # none, though the paper calls them an MLP.
        self.trans_poly = nn.Linear((vertices + 1) * channels, hidden, bias=False)
        self.trans_fuse = nn.Linear(hidden, 2 * vertices)

    def forward(
        self,
        features: Tensor,
        contours: Tensor,
        centers: Tensor,
        image_index: Tensor,
        *,
        max_per_image: int | None = None,
    ) -> Tensor:
        """Coarse contours.

        Args:
            features: (B, channels_in, h, w), the shared map.
            contours: (n, N, 2) initial contours, x then y, feature cells.
            centers: (n, 2) int64, feature cells.
            image_index: (n,) int64, ascending.
            max_per_image: as in `sample_features`.

        Returns:
            (n, N, 2), feature cells. The initial contour is detached in the sum; gradients still
            reach it through the sampling positions.
        """
        points = torch.cat([centers[:, None].to(contours.dtype), contours], dim=1)
        own_map = self.own_map(features, points, image_index)
        sampled = sample_features(own_map, points, image_index, max_per_image=max_per_image)
        with full_precision(features.device):
            hidden = self.trans_poly(sampled.flatten(1))
            if self.activation == "relu":
                hidden = hidden.relu()
            offsets = self.trans_fuse(hidden)
        return contours.detach() + OFFSET_SCALE * offsets.view_as(contours)

    def own_map(self, features: Tensor, points: Tensor, image_index: Tensor) -> Tensor:
        """(B, channels, h, w): the module's features, of which the points (n, P, 2) are read."""
        return self.trans_feature(features)
