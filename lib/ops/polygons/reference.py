"""Polygons to masks and run lengths in plain numpy: slow, obvious; the kernels must equal them."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from torch import Tensor

from lib.polygons.ragged import Ragged, offsets_of


def rasterize_polygons(points: Tensor, offsets: Tensor, height: int, width: int) -> Tensor:
    """See `lib.ops.rasterize_polygons`; `points` and `offsets` as in `Ragged`, float64."""
    masks = np.zeros((len(offsets) - 1, height, width), np.uint8)
    for mask, polygon in zip(masks, Ragged(points.numpy(), offsets.numpy()), strict=True):
        # Counted down the columns; the last entry takes toggles below the last row.
        inverted = np.zeros(width * height + 1, np.int64)
        np.add.at(inverted, _toggles(polygon, height, width), 1)
        mask[:] = (np.cumsum(inverted)[:-1] % 2).reshape(width, height).T
    return torch.from_numpy(masks)


def polygons_to_rle(
    points: Tensor, offsets: Tensor, objects: Tensor, height: int, width: int
) -> tuple[Tensor, Tensor]:
    """See `lib.ops.polygons_to_rle`; object i has the polygons objects[i] to objects[i + 1].

    Returns the compressed run lengths of all objects, uint8, and their offsets (m + 1,).
    """
    polygons = Ragged(points.numpy(), offsets.numpy())
    borders = []  # where the runs inside of a polygon begin and end, in turn, down the columns
    for polygon in polygons:
        places, counts = np.unique(_toggles(polygon, height, width), return_counts=True)
        borders.append(places[counts % 2 == 1])
    texts = []
    for first, last in itertools.pairwise(objects.tolist()):
        union = _union(borders[first:last])
        runs = np.diff(union[union < height * width], prepend=0, append=height * width)
        texts.append(_compress(runs.tolist()))
    ends = torch.from_numpy(offsets_of([len(text) for text in texts]))
    return torch.from_numpy(np.frombuffer(b"".join(texts), np.uint8).copy()), ends


def _union(borders: list[np.ndarray]) -> np.ndarray:
    """The borders of what any of several polygons covers, from theirs."""
    steps = [np.where(np.arange(len(border)) % 2 == 0, 1, -1) for border in borders]
    places, inverse = np.unique(np.concatenate([[], *borders]), return_inverse=True)
    depth = np.bincount(inverse, weights=np.concatenate([[], *steps])).cumsum()
    covered = depth > 0
    return places[covered != np.append(False, covered[:-1])].astype(np.int64)


def _compress(runs: list[int]) -> bytes:
    """Groups of five bits; from the fourth run on the difference from the last but one."""
    text = bytearray()
    for index, run in enumerate(runs):
        rest = run - runs[index - 2] if index > 2 else run
        more = True
        while more:
            group, rest = rest & 31, rest >> 5
            more = rest != (-1 if group & 16 else 0)
            text.append(group + 32 * more + 48)
    return bytes(text)


def _toggles(polygon: np.ndarray, height: int, width: int) -> np.ndarray:
    """Where the outline of a polygon (N, 2) inverts the mask: `_edge_toggles` of all its edges."""
    grid = (5 * polygon + 0.5).astype(np.int64)  # cuts towards zero, as a C cast does
    edges = zip(grid, np.roll(grid, -1, axis=0), strict=True)
    return np.concatenate([_edge_toggles(start, stop, height, width) for start, stop in edges])


def _edge_toggles(start: np.ndarray, stop: np.ndarray, height: int, width: int) -> np.ndarray:
    """Where an edge between points of the five times finer grid inverts the mask.

    The edge is walked one fine step at a time along its longer side, from the smaller to the larger
    coordinate. Every step that crosses the centre of a pixel column gives an index
    column * height + row: from there on the mask is inverted.
    """
    longer = int(np.argmax(np.abs(stop - start)))  # x if both are equal
    steps = abs(int(stop[longer] - start[longer]))
    if steps == 0:
        return np.zeros(0, np.int64)
    if start[longer] > stop[longer]:
        start, stop = stop, start
    walk = np.empty((steps + 1, 2), np.int64)
    t = np.arange(steps + 1)
    walk[:, longer] = start[longer] + t
    other = 1 - longer
    slope = (stop[other] - start[other]) / steps
    walk[:, other] = (start[other] + slope * t + 0.5).astype(np.int64)
    changes = walk[1:, 0] != walk[:-1, 0]
    fine = np.minimum(walk[1:], walk[:-1])[changes]
    column, row = ((fine + 0.5) / 5 - 0.5).T
    hit = (np.floor(column) == column) & (column >= 0) & (column <= width - 1)
    rows = np.ceil(np.clip(row[hit], 0, height)).astype(np.int64)
    return column[hit].astype(np.int64) * height + rows
