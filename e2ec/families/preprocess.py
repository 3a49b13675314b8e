"""From pixels to what networks take, as CenterNet has it: the usual way of families."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor

# Means and standard deviations of COCO, for B, G, R in 0..1 (CenterNet).
MEAN_BGR = (0.40789654, 0.44719302, 0.47026115)
STD_BGR = (0.28863828, 0.27408164, 0.27809835)


def normalize(images: Tensor) -> Tensor:
    """(B, 3, H, W) uint8 RGB -> (B, 3, H, W) float32 BGR, normalised; on the device of `images`."""
    mean, std = _constants(images.device)
    return images.flip(1).to(torch.float32).div_(255).sub_(mean).div_(std)


@lru_cache
def _constants(device: torch.device) -> tuple[Tensor, Tensor]:
    """Means and standard deviations, (1, 3, 1, 1); kept, since a copy to a GPU waits for it."""
    with torch.inference_mode(False):  # whoever comes first, training may use them later
        values = torch.tensor([MEAN_BGR, STD_BGR], device=device)
        mean, std = values.view(2, 1, 3, 1, 1).unbind()
    return mean, std
