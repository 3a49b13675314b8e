"""Polygons to COCO's compressed run lengths: definition, wrapper and fake registration."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from lib.ops.polygons import reference
from lib.ops.polygons.pack import Polygons, pack_polygons
from lib.polygons.geometry import FAR, clip_far
from lib.polygons.ragged import offsets_of

# Coordinates are at most 1e6, also those of the margin that `clip_far` leaves around the image.
LARGEST_SIDE = 10**6 - 100

torch.library.define(
    "e2ec::polygons_to_rle",
    "(Tensor points, Tensor offsets, Tensor objects, int height, int width) -> (Tensor, Tensor)",
)
torch.library.impl("e2ec::polygons_to_rle", "default", reference.polygons_to_rle)


def polygons_to_rle(
    polygons: Polygons,
    height: int,
    width: int,
    *,
    parts: Sequence[int] | None = None,
) -> list[bytes]:
    """The `counts` of pycocotools' frPyObjects and merge, byte for byte.

    No mask is filled on the way: the work grows with the width of the polygons, not with the area.
    Images of more than 2^31 pixels, where pycocotools overflows, are no different.

    Args:
        polygons: `Ragged` or a list of closed polygons (N, 2) with N >= 3, x then y in pixels, the
            centre of the top-left pixel being (0.5, 0.5). They may cross themselves and leave the
            image; one that lies absurdly far away is clipped first
            (`lib.polygons.geometry.clip_far`).
        height, width: of the image, in pixels.
        parts: number of polygons, one after the other, of every object, which is their union; 0
            makes an empty mask. None: every polygon is an object.

    Returns:
        For every object the compressed run lengths of its mask, column by column.

    Raises:
        ValueError: a polygon (named by its index) has another shape, fewer than 3 points, or
            coordinates that are not finite; the size is not positive or has a side beyond
            `LARGEST_SIDE`; or `parts` do not add up.
    """
    if min(height, width) < 1:
        raise ValueError(f"an image must have a positive size, not {height} x {width}")
    if max(height, width) > LARGEST_SIDE:
        raise ValueError(
            f"an image must have sides of at most {LARGEST_SIDE}, not {height} x {width}"
        )
    packed, largest = pack_polygons(polygons)
    if parts is None:
        objects = np.arange(len(packed) + 1)
    elif min(parts, default=0) < 0 or sum(parts) != len(packed):
        raise ValueError(f"parts add up to {sum(parts)}, but there are {len(packed)} polygons")
    else:
        objects = offsets_of(parts)
    if largest > FAR:
        packed, _ = pack_polygons([clip_far(polygon, width, height) for polygon in packed])
    arguments = map(torch.from_numpy, (packed.points, packed.offsets, objects))
    counts, offsets = torch.ops.e2ec.polygons_to_rle(*arguments, height, width)
    text = counts.numpy().tobytes()
    return [text[begin:end] for begin, end in itertools.pairwise(offsets.tolist())]


@torch.library.register_fake("e2ec::polygons_to_rle")
def _fake(
    points: Tensor, offsets: Tensor, objects: Tensor, height: int, width: int
) -> tuple[Tensor, Tensor]:
    size = torch.library.get_ctx().new_dynamic_size()
    return points.new_empty(size, dtype=torch.uint8), torch.empty_like(objects)
