"""Polygon rasterisation as the COCO tools do it: definition, wrapper and fake registration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from lib.ops.polygons import reference
from lib.ops.polygons.pack import pack_polygons

LARGEST_COORDINATE = 1e6

torch.library.define(
    "e2ec::rasterize_polygons",
    "(Tensor points, Tensor lengths, int height, int width) -> Tensor",
)
torch.library.impl("e2ec::rasterize_polygons", "default", reference.rasterize_polygons)


def rasterize_polygons(polygons: Sequence[np.ndarray | Tensor], height: int, width: int) -> Tensor:
    """One mask for each polygon, bit for bit what pycocotools' frPyObjects and decode give.

    Args:
        polygons: closed polygons (N, 2) with N >= 3, x then y in pixels, the centre of the top-left
            pixel being (0.5, 0.5). They may cross themselves and leave the image.
        height, width: of the masks, in pixels.

    Returns:
        (n, height, width) uint8, 1 inside, on the CPU.

    Raises:
        ValueError: a polygon (named by its index) has another shape, fewer than 3 points, or
            coordinates that are not finite or beyond 1e6; or the size is not positive.
    """
    if height < 1 or width < 1:
        raise ValueError(f"masks must have a positive size, not {height} x {width}")
    points, lengths, largest = pack_polygons(polygons)
    if largest > LARGEST_COORDINATE:
        far = np.repeat(np.arange(len(lengths)), lengths)[np.abs(points).max(axis=1).argmax()]
        raise ValueError(f"polygon {far} has coordinates beyond 1e6")
    counts = torch.tensor(lengths, dtype=torch.int64)
    return torch.ops.e2ec.rasterize_polygons(torch.from_numpy(points), counts, height, width)


@torch.library.register_fake("e2ec::rasterize_polygons")
def _fake(points: Tensor, lengths: Tensor, height: int, width: int) -> Tensor:
    return points.new_empty((lengths.shape[0], height, width), dtype=torch.uint8)
