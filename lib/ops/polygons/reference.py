"""Polygons to masks and run lengths by pycocotools; the compiled kernels must equal it."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import torch
from pycocotools import mask as coco_mask
from torch import Tensor

from lib.errors import InputError
from lib.polygons.ragged import Ragged, offsets_of

# pycocotools counts pixels in 32 bits.
_MOST_PIXELS = 2**31


def rasterize_polygons(points: Tensor, offsets: Tensor, height: int, width: int) -> Tensor:
    """See `lib.ops.rasterize_polygons`; `points` and `offsets` as in `Ragged`, float64."""
    masks = np.zeros((len(offsets) - 1, height, width), np.uint8)
    for mask, runs in zip(masks, _run_lengths(points, offsets, height, width), strict=True):
        mask[:] = coco_mask.decode(runs)
    return torch.from_numpy(masks)


def polygons_to_rle(
    points: Tensor, offsets: Tensor, objects: Tensor, height: int, width: int
) -> tuple[Tensor, Tensor]:
    """See `lib.ops.polygons_to_rle`; object i has the polygons objects[i] to objects[i + 1].

    Returns the compressed run lengths of all objects, uint8, and their offsets (m + 1,).
    """
    polygons = _run_lengths(points, offsets, height, width)
    nothing = coco_mask.frPyObjects([[0.0] * 6], height, width)
    texts = [
        coco_mask.merge(polygons[first:last] or nothing)["counts"]
        for first, last in itertools.pairwise(objects.tolist())
    ]
    ends = torch.from_numpy(offsets_of([len(text) for text in texts]))
    return torch.from_numpy(np.frombuffer(b"".join(texts), np.uint8).copy()), ends


def _run_lengths(points: Tensor, offsets: Tensor, height: int, width: int) -> list[Any]:
    """What pycocotools makes of every polygon."""
    if height * width >= _MOST_PIXELS:
        raise InputError(
            f"masks of {width} x {height} pixels are too large without the compiled operators; "
            "build them with `make ext`"
        )
    polygons = Ragged(points.numpy(), offsets.numpy())
    flat = [polygon.ravel().tolist() for polygon in polygons]
    return coco_mask.frPyObjects(flat, height, width) if flat else []
