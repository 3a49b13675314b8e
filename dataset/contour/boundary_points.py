"""Labelled points near boundaries, from which SharpContour's classifier learns (its sec. 3.3)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from dataset.loading.sample import Instance, Sample
from dataset.masks.run_lengths import decode_mask
from dataset.masks.tracing import mask_to_rings
from lib.polygons.geometry import transform_points
from lib.polygons.points import contains, nearest_points
from lib.polygons.ragged import Ragged


@dataclass(frozen=True)
class BoundaryPointSettings:
    """How points are drawn: see `network.sharp.settings.SharpSettings`."""

    points: int
    spread: float
    box_jitter: float


@dataclass(frozen=True)
class BoundaryLabels:
    """Of n parts, with P points each.

    Attributes:
        boxes: (n, 4) float32 x0, y0, x1, y1, crop pixels, the sides moved at random.
        points: (n, P, 2) float32, x then y, crop pixels.
        outside: (n, P) bool.
        offsets: (n, P, 2) float32, from each point to the nearest of its part's boundary.
    """

    boxes: torch.Tensor
    points: torch.Tensor
    outside: torch.Tensor
    offsets: torch.Tensor

    def map(self, change: Callable[[torch.Tensor], torch.Tensor]) -> BoundaryLabels:
        """The labels with every tensor changed."""
        return BoundaryLabels(
            change(self.boxes), change(self.points), change(self.outside), change(self.offsets)
        )

    @classmethod
    def join(cls, labels: Sequence[BoundaryLabels]) -> BoundaryLabels | None:
        """Those of several images, one after the other; None of none."""
        if not labels:
            return None
        return cls(
            torch.cat([one.boxes for one in labels]),
            torch.cat([one.points for one in labels]),
            torch.cat([one.outside for one in labels]),
            torch.cat([one.offsets for one in labels]),
        )


def boundary_labels(
    parts: Ragged,
    owners: np.ndarray,
    sample: Sample,
    matrix: np.ndarray,
    crop_size: tuple[int, int],
    settings: BoundaryPointSettings,
    rng: np.random.Generator,
    *,
    whole: bool = False,
) -> BoundaryLabels:
    """Points around the boundary of every part, spread evenly along it.

    A point is inside where its part's polygon has it and, if the object has an exact mask, the mask
    too: holes are outside, and their edges are boundary as well.

    Args:
        parts: n polygons in the crop, clipped to it.
        owners: (n,) int64, the instance of the sample that each is of, in rising order.
        sample: with the masks.
        matrix: (2, 3) map from the image to the crop.
        crop_size: height, width of the crop, pixels.
        settings: how many, and how far.
        rng: source of all randomness.
        whole: the parts of an object are one: all of them together have a box and points.
    """
    count = settings.points
    first = np.flatnonzero(np.diff(owners, prepend=-1)) if whole else np.arange(len(parts))
    groups = [list(parts.slice(*ends)) for ends in itertools.pairwise([*first, len(parts)])]
    boxes = _group_boxes(parts, first)
    points = np.zeros((len(groups), count, 2))
    offsets = np.zeros((len(groups), count, 2))
    outside = np.zeros((len(groups), count), bool)
    sides = boxes[:, 2:] - boxes[:, :2]
    jitter = rng.uniform(-settings.box_jitter, settings.box_jitter, boxes.shape)
    boxes += np.tile(sides, 2) * jitter
    spreads = np.maximum(settings.spread * np.sqrt(sides.prod(axis=1)), 1.0)
    for i, (group, owner) in enumerate(zip(groups, owners[first].tolist(), strict=True)):
        instance = sample.instances[owner]
        holes = _holes(instance, sample, matrix, crop_size)
        rings = [*group, *(hole for hole in holes if _is_hole_of(group, hole, crop_size))]
        points[i] = _along(rings, count, rng) + rng.normal(0, spreads[i], (count, 2))
        inside = _in_any(group, points[i]) & _in_mask(instance, sample, matrix, points[i])
        outside[i] = ~inside
        offsets[i] = nearest_points(rings, points[i]) - points[i]
    return BoundaryLabels(
        torch.from_numpy(boxes.astype(np.float32)),
        torch.from_numpy(points.astype(np.float32)),
        torch.from_numpy(outside),
        torch.from_numpy(offsets.astype(np.float32)),
    )


def _group_boxes(parts: Ragged, first: np.ndarray) -> np.ndarray:
    """(m, 4) x0, y0, x1, y1 around the parts from each of `first`, (m,), to the next."""
    if len(first) == 0:
        return np.zeros((0, 4))
    boxes = parts.bounding_boxes()
    low = np.minimum.reduceat(boxes[:, :2], first)
    return np.hstack([low, np.maximum.reduceat(boxes[:, 2:], first)])


def _in_any(parts: Sequence[np.ndarray], points: np.ndarray) -> np.ndarray:
    """Which points (P, 2) lie inside of any of the polygons."""
    return np.any([contains(part, points) for part in parts], axis=0)


def _along(rings: Sequence[np.ndarray], count: int, rng: np.random.Generator) -> np.ndarray:
    """Points (count, 2) drawn evenly from the edges of closed rings."""
    start = np.concatenate(rings)
    edge = np.concatenate([np.roll(ring, -1, axis=0) for ring in rings]) - start
    ends = np.cumsum(np.hypot(*edge.T))
    chosen = np.searchsorted(ends, rng.uniform(0, ends[-1], count)).clip(max=len(ends) - 1)
    points: np.ndarray = start[chosen] + rng.uniform(0, 1, (count, 1)) * edge[chosen]
    return points


def _holes(
    instance: Instance, sample: Sample, matrix: np.ndarray, crop_size: tuple[int, int]
) -> Ragged:
    """The holes of an object, clipped to the crop; some have no points. Traced only where the mask
    is smaller than the parts, whose polygons run around the same pixels."""
    none = Ragged.pack([])
    if instance.runs is None:
        return none
    if instance.runs[1::2].sum() >= Ragged.pack(instance.parts).areas().sum() - 0.5:
        return none
    rings = mask_to_rings(decode_mask(instance.runs, *sample.image.shape[:2]))
    holes = [transform_points(hole, matrix) for _, holes in rings for hole in holes]
    height, width = crop_size
    return Ragged.pack(holes).clip_to_box(width, height)


def _is_hole_of(parts: Sequence[np.ndarray], hole: np.ndarray, crop_size: tuple[int, int]) -> bool:
    """Whether a clipped hole is of these parts of its object, and has an edge in the crop.

    Corners do not tell: they may all lie on the border of the crop. Nor do edges there, which may
    run across an island in the hole.
    """
    height, width = crop_size
    middles = (hole + np.roll(hole, -1, axis=0)) / 2
    seen = ((middles > 0) & (middles < (width, height))).all(axis=1)
    return bool(_in_any(parts, middles[seen]).any())


def _in_mask(
    instance: Instance, sample: Sample, matrix: np.ndarray, points: np.ndarray
) -> np.ndarray:
    """Which points (P, 2) of the crop the object's exact mask has; all of them without one."""
    if instance.runs is None:
        return np.ones(len(points), bool)
    height, width = sample.image.shape[:2]
    back = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2]
    x, y = np.floor(transform_points(points, back)).astype(np.int64).T
    seen = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    # Runs go down the columns; every second one is of the mask.
    run = np.searchsorted(np.cumsum(instance.runs), x * height + y, side="right")
    return seen & (run % 2 == 1)
