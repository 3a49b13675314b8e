"""From pixels to what torchvision's networks take."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

# Means and standard deviations of ImageNet, for R, G, B in 0..1.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def normalize(images: Tensor) -> Tensor:
    """(B, 3, h, w) uint8 RGB -> (B, 3, h, w) float32 RGB, normalised; on the device of `images`."""
    mean, std = _constants(images.device)
    return images.to(torch.float32).div_(255).sub_(mean).div_(std)


@lru_cache
def _constants(device: torch.device) -> tuple[Tensor, Tensor]:
    """Means and standard deviations, (1, 3, 1, 1); kept, since a copy to a GPU waits for it."""
    with torch.inference_mode(False):  # whoever comes first, training may use them later
        mean, std = torch.tensor([MEAN, STD], device=device).view(2, 1, 3, 1, 1).unbind()
    return mean, std
