"""Cells of the heat map where something lies that is not learned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from dataset.compose.regions import move_to_crop
from dataset.loading.sample import Sample
from lib.polygons.ragged import Ragged

# OpenCV draws at integer positions; this many binary digits after the point keep sub-pixels.
_SHIFT = 4


@dataclass(frozen=True)
class IgnoredCells:
    """Of k planes of heat maps: most classes of most images have none.

    Attributes:
        planes: (k, 2) int64, the position of the image in the batch, and the class.
        cells: (k, h, w) bool.
    """

    planes: Tensor
    cells: Tensor

    def map(self, change: Callable[[Tensor], Tensor]) -> IgnoredCells:
        """The cells with every tensor changed."""
        return IgnoredCells(change(self.planes), change(self.cells))

    @classmethod
    def join(cls, examples: Sequence[IgnoredCells | None]) -> IgnoredCells | None:
        """Those of several examples, in order; None where no example knows any."""
        known = [(k, one) for k, one in enumerate(examples) if one is not None]
        if not known:
            return None
        planes = [one.planes + torch.tensor([k, 0]) for k, one in known]
        return cls(torch.cat(planes), torch.cat([one.cells for _, one in known]))

    def draw(self, images: int, size: tuple[int, int, int]) -> Tensor:
        """(B, C, h, w) bool, on the device where the cells lie."""
        drawn = torch.zeros((images, *size), dtype=torch.bool, device=self.cells.device)
        image, class_index = self.planes.unbind(1)
        drawn[image, class_index] = self.cells
        return drawn


def ignored_cells(
    sample: Sample,
    matrix: np.ndarray,
    crop_size: tuple[int, int],
    stride: int,
    dropped: Ragged,
    dropped_classes: np.ndarray,
) -> IgnoredCells:
    """The cells that ignored regions, and parts that are not learned, reach into.

    Args:
        sample: with its ignored regions.
        matrix: (2, 3) map from its pixels to the crop.
        crop_size: height, width of the crop, pixels.
        stride: pixels a cell.
        dropped: n polygons of the crop.
        dropped_classes: (n,) int64.
    """
    height, width = -(-crop_size[0] // stride), -(-crop_size[1] // stride)
    moved = move_to_crop(sample.ignored, sample.image.shape[:2], matrix, crop_size)
    regions = [(one.class_index, part) for one in moved for part in one.parts]
    regions += zip(dropped_classes.tolist(), dropped, strict=True)
    planes: dict[int, np.ndarray] = {}
    for class_index, polygon in regions:
        plane = planes.setdefault(class_index, np.zeros((height, width), np.uint8))
        # Cell (0, 0) has its middle at (0, 0) for OpenCV, which fills all that an edge passes.
        fixed = np.rint((polygon / stride - 0.5) * (1 << _SHIFT)).astype(np.int32)
        cv2.fillPoly(plane, [fixed], 1, shift=_SHIFT)
    cells = np.array(list(planes.values()), bool).reshape(-1, height, width)
    numbers = np.array([[0, k] for k in planes], np.int64).reshape(-1, 2)
    return IgnoredCells(torch.from_numpy(numbers), torch.from_numpy(cells))
