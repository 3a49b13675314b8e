"""The instance-aware point classifier: is a point inside or outside of *this* object?
(SharpContour, sec. 3.2)"""

from __future__ import annotations

import itertools
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lib.ops import walk_to_flip
from network.layers.precision import at_least_float32, full_precision
from network.layers.sampling import sample_features
from network.sharp.evolution import Walk
from network.sharp.settings import ClassifierSizes, EvolutionSettings


class PointClassifier(nn.Module):
    """A small MLP a point, whose parameters a controller predicts for every instance.

    It reads the fine feature at the point and the point's place in the instance's box. The
    controller sees the shared map on a regular grid across the box, as the mask heads do whose
    feature it shares in the paper.
    """

    def __init__(
        self, channels: int, *, stride: int, sizes: ClassifierSizes, outputs: int = 1
    ) -> None:
        """`channels` of the shared map and its `stride`; `outputs` a point, 1 is a state."""
        super().__init__()
        self.stride = stride
        self.grid = sizes.grid
        self.outputs = outputs
        widths = (sizes.fine_channels + 2, *(sizes.hidden,) * 3, outputs)
        self.layers = tuple(itertools.pairwise(widths))
        self.fine = nn.Conv2d(channels, sizes.fine_channels, 3, padding=1)
        self.controller = nn.Sequential(
            nn.Linear(sizes.fine_channels * sizes.grid**2, sizes.controller),
            nn.ReLU(inplace=True),
            nn.Linear(sizes.controller, sizes.controller),
            nn.ReLU(inplace=True),
            nn.Linear(sizes.controller, sum((a + 1) * b for a, b in self.layers)),
        )
        self._start_as_one_mlp()

    def _start_as_one_mlp(self) -> None:
        """The controller starts with the same, ordinarily initialised MLP for all instances: what
        it predicts is multiplied through four layers, and random numbers there teach nothing."""
        last = self.controller[-1]
        assert isinstance(last, nn.Linear)
        nn.init.normal_(last.weight, std=0.001)
        with torch.no_grad():
            for bias, (inputs, outputs) in zip(
                last.bias.split([(a + 1) * b for a, b in self.layers]), self.layers, strict=True
            ):
                bias.zero_()
                bias[: inputs * outputs].normal_(std=math.sqrt(2 / inputs))

    def encode(self, features: Tensor) -> Tensor:
        """The fine features (B, 16, h, w) of a shared map (B, C, h, w)."""
        return at_least_float32(self.fine(features))

    def parameters_of(
        self, fine: Tensor, boxes: Tensor, image_index: Tensor, *, max_per_image: int | None = None
    ) -> Tensor:
        """The classifiers of n instances, (n, number of parameters).

        Args:
            fine: from `encode`.
            boxes: (n, 4) x0, y0, x1, y1, input pixels.
            image_index: (n,) int64, ascending.
            max_per_image: as in `sample_features`.
        """
        along = (torch.arange(self.grid, device=boxes.device).to(boxes.dtype) + 0.5) / self.grid
        places = torch.stack(torch.meshgrid(along, along, indexing="xy"), dim=-1).view(-1, 2)
        low, high = boxes[:, None, :2], boxes[:, None, 2:]
        points = (low + (high - low) * places) / self.stride
        seen = sample_features(fine, points, image_index, max_per_image=max_per_image)
        with full_precision(fine.device):
            parameters: Tensor = self.controller(seen.flatten(1))
        return parameters

    def forward(
        self,
        fine: Tensor,
        parameters: Tensor,
        boxes: Tensor,
        points: Tensor,
        image_index: Tensor,
        *,
        max_per_image: int | None = None,
    ) -> Tensor:
        """What the classifiers say of points, before the sigmoid: above 0 is outside.

        Args:
            fine, boxes, image_index, max_per_image: as in `parameters_of`.
            parameters: its result.
            points: (n, P, 2), x then y, input pixels.

        Returns:
            (n, P, outputs).
        """
        sampled = sample_features(
            fine, points / self.stride, image_index, max_per_image=max_per_image
        )
        low, high = boxes[:, None, :2], boxes[:, None, 2:]
        place = (2 * points - low - high) / (high - low).clamp(min=1e-3)
        with full_precision(fine.device):
            x = torch.cat([sampled, place.transpose(1, 2).to(sampled.dtype)], dim=1)
            blocks = parameters.split([(a + 1) * b for a, b in self.layers], dim=1)
            for number, (block, (inputs, outputs)) in enumerate(
                zip(blocks, self.layers, strict=True)
            ):
                weight = block[:, : inputs * outputs].view(-1, outputs, inputs)
                x = torch.baddbmm(block[:, inputs * outputs :, None], weight, x)
                if number < len(self.layers) - 1:
                    x = F.relu(x)
        return x.transpose(1, 2)

    def walk(
        self,
        fine: Tensor,
        parameters: Tensor,
        boxes: Tensor,
        image_index: Tensor,
        evolution: EvolutionSettings,
    ) -> Walk:
        """The walk of vertices to where this classifier flips, by the operator for CPUs.

        Args:
            fine, parameters, boxes, image_index: as in `forward`; float32.
            evolution: the numbers of the walk.
        """

        def walk(contours: Tensor, normals: Tensor, resting: Tensor) -> tuple[Tensor, Tensor]:
            return walk_to_flip(
                fine,
                parameters,
                boxes,
                image_index,
                contours,
                normals,
                resting,
                widths=(self.layers[0][0], *(outputs for _, outputs in self.layers)),
                stride=self.stride,
                step=evolution.step,
                max_steps=evolution.max_steps,
                adaptive=evolution.adaptive,
            )

        return walk

    def inside_map(self, fine: Tensor, points: Tensor) -> Tensor:
        """(n, P) bool: which points lie in the image. Outside of it nothing is an object's."""
        height, width = (side * self.stride for side in fine.shape[2:])
        x, y = points.unbind(-1)
        return (x >= 0) & (y >= 0) & (x <= width) & (y <= height)
