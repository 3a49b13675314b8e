"""The network assembled without this project's operators: the baseline of speed measurements.

torchvision's deformable convolution, every head over the whole map, batch normalisation as it
stands, snakes that repeat the global state at every vertex, instances sampled image by image. The
modules of a network of ours are used for their weights.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from network.contour.contour_init import OFFSET_SCALE as INITIAL_SCALE
from network.contour.e2ec import E2EC
from network.contour.global_deform import OFFSET_SCALE as COARSE_SCALE
from network.contour.neck import ModulatedDeformConv
from network.contour.snake import Snake

DeformConv = Callable[..., Tensor]
"""Arguments and meaning of `torchvision.ops.deform_conv2d`."""


class PlainE2EC(nn.Module):
    """Contours from the weights of `network`, which is taken over."""

    def __init__(self, network: E2EC, deform_conv: DeformConv) -> None:
        super().__init__()
        self.network = network.eval()
        for module in network.neck.modules():
            if isinstance(module, ModulatedDeformConv):
                module.forward = partial(_deform, module, deform_conv)  # type: ignore[method-assign]

    @torch.no_grad()
    def forward(
        self, images: Tensor, *, score_threshold: float = 0.05, max_detections: int = 100
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Image index (n,), classes (n,), scores (n,), last contours (n, N, 2) in input pixels.

        Args:
            images: (B, 3, H, W) float, normalised BGR; sides are multiples of 32.
        """
        features = self.network.neck(self.network.backbone(images))
        heatmap, offsets = self.network.heatmap(features), self.network.offsets(features)
        image_index, classes, scores, centers = _decode(heatmap, score_threshold, max_detections)
        contours = plain_stages(self.network, features, offsets, centers, image_index)
        return image_index, classes, scores, contours[-1]


def _deform(module: ModulatedDeformConv, deform_conv: DeformConv, x: Tensor) -> Tensor:
    """DCNv2 with a given operator, (B, channels_in, H, W) -> (B, channels_out, H, W)."""
    dy_dx, mask = module.conv_offset_mask(x).split([18, 9], dim=1)
    return deform_conv(x, dy_dx, module.weight, module.bias, padding=1, mask=torch.sigmoid(mask))


def plain_stages(
    network: E2EC, features: Tensor, offsets: Tensor, centers: Tensor, image_index: Tensor
) -> list[Tensor]:
    """Contours of all stages at given centres, input pixels; clipped and cut as in `network`.

    Args:
        features: (B, C, h, w), the shared map.
        offsets: (B, 2N, h, w), what the head of the initial contours says everywhere.
    """
    height, width = features.shape[2:]
    beyond = 1.0 if network.clip == "cells" else 0.0
    corner = features.new_tensor([width - beyond, height - beyond])

    def clip(contours: Tensor) -> Tensor:
        return contours if network.training else torch.minimum(contours.clamp(min=0), corner)

    at_centers = offsets[image_index, :, centers[:, 1], centers[:, 0]]
    initial = clip(centers[:, None] + INITIAL_SCALE * at_centers.view(len(centers), -1, 2))
    deformation = network.global_deformation
    assert deformation is not None
    points = torch.cat([centers[:, None].to(initial.dtype), initial], dim=1)
    sampled = _sample(deformation.trans_feature(features), points, image_index)
    moved = deformation.trans_fuse(deformation.trans_poly(sampled.flatten(1)))
    coarse = clip(initial.detach() + COARSE_SCALE * moved.view_as(initial))
    stages = [initial * network.stride, coarse * network.stride]
    contours = stages[-1].detach()
    for snake in network.refinement.snakes:
        assert isinstance(snake, Snake)
        at_vertices = _sample(features, contours / network.stride, image_index)
        contours = contours + _offsets(snake, at_vertices, contours)
        stages.append(contours)
    return stages


def _decode(
    heatmap: Tensor, score_threshold: float, max_detections: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """CenterNet's: the top K of every class, then the top K of these."""
    scores = torch.sigmoid(heatmap)
    scores = scores * (F.max_pool2d(scores, 3, 1, 1) == scores)
    batch, classes, height, width = scores.shape
    count = min(max_detections, height * width)
    by_class, cells = scores.view(batch, classes, -1).topk(count)
    top, index = by_class.view(batch, -1).topk(count)
    cells = cells.view(batch, -1).gather(1, index)
    keep = (top >= score_threshold) & (top > 0)
    image_index = torch.arange(batch)[:, None].expand_as(top)[keep]
    centers = torch.stack([cells % width, cells // width], dim=2)[keep]
    return image_index, (index // count)[keep], top[keep], centers


def _sample(features: Tensor, points: Tensor, image_index: Tensor) -> Tensor:
    """Features (n, C, P) at points (n, P, 2) in cells, one call per image."""
    size = torch.tensor([features.shape[3], features.shape[2]])
    grid = points / (size / 2) - 1
    sampled = points.new_zeros(len(points), features.shape[1], points.shape[1])
    for i in range(len(features)):
        mine = image_index == i
        found = F.grid_sample(features[i : i + 1], grid[mine][None], align_corners=False)
        sampled[mine] = found[0].transpose(0, 1)
    return sampled


def _offsets(snake: Snake, sampled: Tensor, contours: Tensor) -> Tensor:
    """What a snake adds to contours (n, N, 2) in input pixels, by features (n, C, N) at them."""
    relative = contours - contours.min(dim=1, keepdim=True).values
    states = [snake.head(torch.cat([sampled, relative.transpose(1, 2)], dim=1))]
    for k in range(snake.depth):
        states.append(snake.get_submodule(f"res{k}")(states[-1]) + states[-1])
    state = torch.cat(states, dim=1)
    overall = snake.fusion(state).max(dim=2, keepdim=True).values
    state = torch.cat([overall.expand(-1, -1, state.shape[2]), state], dim=1)
    return snake.prediction(state).transpose(1, 2)
