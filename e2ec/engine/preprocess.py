"""From pixels to what the network takes."""

from __future__ import annotations

import torch
from torch import Tensor

# Means and standard deviations of COCO, for B, G, R in 0..1 (CenterNet).
MEAN_BGR = (0.40789654, 0.44719302, 0.47026115)
STD_BGR = (0.28863828, 0.27408164, 0.27809835)


def normalize(images: Tensor) -> Tensor:
    """(B, 3, H, W) uint8 RGB -> (B, 3, H, W) float32 BGR, normalised; on the device of `images`."""
    mean = images.new_tensor(MEAN_BGR, dtype=torch.float32).view(1, 3, 1, 1)
    std = images.new_tensor(STD_BGR, dtype=torch.float32).view(1, 3, 1, 1)
    return images.flip(1).to(torch.float32).div_(255).sub_(mean).div_(std)
