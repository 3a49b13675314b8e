"""The Sobel mask head: boundaries computed from the predicted masks (BMask R-CNN, sec. 4.4,
fig. 7b), in place of a branch of their own.

A Sobel operator makes two channels of a mask, its derivatives along x and y, and two 3x3
convolutions make the boundary of them. Masks are class-specific, and each class's boundary is
computed from the mask of that class alone, by the same two convolutions for all: what makes a
boundary of a mask does not depend on what the object is, and the loss teaches only the mask of the
label's class, so convolutions across classes would read masks that nobody teaches.

The paper leaves two things open. The width between the convolutions is a parameter here. What Sobel
sees are probabilities, not logits: labels are boundaries of masks, whose steps are of one size.
Outside of the box is background, as in the labels: a mask that touches the border of the box has
its boundary there.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SOBEL_X = ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0))


class SobelHead(nn.Module):
    """Boundary logits of mask logits; needed in training alone."""

    sobel: Tensor

    def __init__(self, hidden: int = 8) -> None:
        """`hidden`: channels between the two convolutions."""
        super().__init__()
        along_x = torch.tensor(SOBEL_X)
        kernels = torch.stack([along_x, along_x.T])[:, None]
        self.register_buffer("sobel", kernels, persistent=False)
        self.convolutions = nn.Sequential(
            nn.Conv2d(2, hidden, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(hidden, 1, 3, padding=1),
        )

    def forward(self, mask_logits: Tensor) -> Tensor:
        """(n, C, H, W) of (n, C, H, W); of any number of classes, so of the label's alone."""
        masks = mask_logits.sigmoid().reshape(-1, 1, *mask_logits.shape[2:])
        boundaries: Tensor = self.convolutions(F.conv2d(masks, self.sobel, padding=1))
        return boundaries.reshape(mask_logits.shape)
