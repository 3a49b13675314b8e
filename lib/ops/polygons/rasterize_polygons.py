"""Polygon rasterisation as the COCO tools do it: definition, wrapper and fake registration."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lib.ops.polygons import reference
from lib.ops.polygons.pack import Polygons, pack_polygons

LARGEST_COORDINATE = 1e6

torch.library.define(
    "e2ec::rasterize_polygons",
    "(Tensor points, Tensor offsets, int height, int width) -> Tensor",
)
torch.library.impl("e2ec::rasterize_polygons", "default", reference.rasterize_polygons)


def rasterize_polygons(polygons: Polygons, height: int, width: int) -> Tensor:
    """One mask for each polygon, bit for bit what pycocotools' frPyObjects and decode give.

    Args:
        polygons: `Ragged` or a list of closed polygons (N, 2) with N >= 3, x then y in pixels, the
            centre of the top-left pixel being (0.5, 0.5). They may cross themselves and leave the
            image.
        height, width: of the masks, in pixels.

    Returns:
        (n, height, width) uint8, 1 inside, on the CPU.

    Raises:
        ValueError: a polygon (named by its index) has another shape, fewer than 3 points, or
            coordinates that are not finite or beyond 1e6; or the size is not positive.
    """
    if height < 1 or width < 1:
        raise ValueError(f"masks must have a positive size, not {height} x {width}")
    packed, largest = pack_polygons(polygons)
    if largest > LARGEST_COORDINATE:
        far = int(np.argmax([np.abs(polygon).max() for polygon in packed]))
        raise ValueError(f"polygon {far} has coordinates beyond 1e6")
    points, offsets = torch.from_numpy(packed.points), torch.from_numpy(packed.offsets)
    return torch.ops.e2ec.rasterize_polygons(points, offsets, height, width)


@torch.library.register_fake("e2ec::rasterize_polygons")
def _fake(points: Tensor, offsets: Tensor, height: int, width: int) -> Tensor:
    return points.new_empty((offsets.shape[0] - 1, height, width), dtype=torch.uint8)
