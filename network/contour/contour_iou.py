"""How well a contour fits: a small head that predicts its IoU with the object's own contour.

The score of the heat map says that there is an object, not that its contour is a good one. After
Mask Scoring R-CNN (Huang et al., CVPR 2019, sec. 3.3), which predicts the IoU of masks; here the
features at the vertices, compared with those at the centre, speak for the contour.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from network.contour.contour_init import OFFSET_SCALE
from network.layers.precision import full_precision
from network.layers.sampling import sample_features


class ContourIoU(nn.Module):
    """Judges contours of any stage, of any number of vertices, wherever on them it begins.

    It learns from what the other parts make and gives nothing back: neither contours nor maps
    change where it is added.
    """

    def __init__(self, channels: int, *, stride: int, hidden: int = 64) -> None:
        """`channels` and `stride` are those of the shared map."""
        super().__init__()
        self.stride = stride
        # The features of a vertex and of the centre, and the way from one to the other.
        self.vertex = nn.Sequential(nn.Linear(2 * channels + 2, hidden), nn.ReLU())
        self.contour = nn.Sequential(nn.Linear(2 * hidden, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(
        self,
        contours: Tensor,
        *,
        features: Tensor,
        centers: Tensor,
        image_index: Tensor,
        max_per_image: int | None = None,
    ) -> Tensor:
        """The logit of every contour's IoU.

        Args:
            contours: (n, P, 2), x then y, input pixels.
            features: (B, C, h, w), the shared map.
            centers: (n, 2) int64, x then y, feature cells.
            image_index: (n,) int64, ascending.
            max_per_image: as in `sample_features`.

        Returns:
            (n,) float32 (float64 for a network in float64).
        """
        features, contours = features.detach(), contours.detach() / self.stride
        middle = centers[:, None].to(contours.dtype)
        points = torch.cat([middle, contours], dim=1)
        sampled = sample_features(features, points, image_index, max_per_image=max_per_image)
        at_center, at_vertices = sampled.transpose(1, 2).split([1, contours.shape[1]], dim=1)
        away = ((contours - middle) / OFFSET_SCALE).to(sampled.dtype)
        with full_precision(features.device):
            x = torch.cat([at_vertices, at_center.expand_as(at_vertices), away], dim=2)
            seen = self.vertex(x)
            logits: Tensor = self.contour(torch.cat([seen.mean(dim=1), seen.amax(dim=1)], dim=1))
        return logits[:, 0]
