"""Iterative refinement: snakes move the coarse contour towards the boundary (sec. 3.1, 3.3)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from network.contour.snake import Snake
from network.layers.precision import at_least_float32
from network.layers.sampling import sample_features


class Refinement(nn.Module):
    """A chain of snakes; each sees the features at the contour of the one before."""

    def __init__(self, snakes: Iterable[Snake], *, stride: int) -> None:
        """`snakes` read the map's channels and a position; `stride` is that of the map."""
        super().__init__()
        self.stride = stride
        self.snakes = nn.ModuleList(snakes)

    @property
    def stage_names(self) -> tuple[str, ...]:
        """The names of the modules' contours, in order: refine1, refine2, ..."""
        return tuple(f"refine{number}" for number in range(1, len(self.snakes) + 1))

    def forward(
        self,
        features: Tensor,
        contours: Tensor,
        image_index: Tensor,
        *,
        max_per_image: int | None = None,
        modules: int | None = None,
    ) -> dict[str, Tensor]:
        """The contour after each module, by the name of its stage.

        Args:
            features: (B, C, h, w), the neck's map.
            contours: (n, N, 2) coarse contours, x then y, input pixels; detached here.
            image_index: (n,) int64, ascending.
            max_per_image: as in `sample_features`.
            modules: only so many of the first modules run; None runs all.

        Returns:
            (n, N, 2) tensors in order, input pixels, not clipped. Gradients flow from one module's
            output through the next module's input.
        """
        stages = {}
        contours = contours.detach()
        features = at_least_float32(features)  # once, not in every module's sampling
        for name, snake in list(zip(self.stage_names, self.snakes, strict=True))[:modules]:
            sampled = sample_features(
                features, contours / self.stride, image_index, max_per_image=max_per_image
            )
            relative = contours - contours.amin(dim=1, keepdim=True)
            x = torch.cat([sampled, relative.transpose(1, 2).to(sampled.dtype)], dim=1)
            contours = contours + snake(x).transpose(1, 2).to(contours.dtype)
            stages[name] = contours
        return stages
