"""The shapes of instances: polygons with holes and run lengths, checked; rings of masks, traced."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from dataset.masks.rings import Component
from dataset.masks.run_lengths import decode_mask, runs_box
from dataset.masks.tracing import mask_to_rings


def trace_runs(runs: np.ndarray, height: int) -> list[Component]:
    """Outer rings with their holes of a mask given by its run lengths.

    Only the columns that hold anything are decoded: images are large, and objects small.
    """
    left, _, right, _ = runs_box(runs, height)
    ends = np.clip(np.cumsum(runs), left * height, right * height)
    lengths = np.diff(ends, prepend=left * height)
    components = mask_to_rings(decode_mask(lengths, height, right - left))
    offset = np.array([left, 0.0])
    return [(ring + offset, [hole + offset for hole in holes]) for ring, holes in components]


class TracedMasks(dict[int, list[Component]]):
    """Outer rings with their holes by instance that is a mask, traced when first asked for.

    Args:
        runs: checked run lengths by instance, None for one that is no mask.
        height: of the image, pixels.
    """

    def __init__(self, runs: Sequence[Any], height: int) -> None:
        self._runs = runs
        self._height = height

    def __missing__(self, index: int) -> list[Component]:
        self[index] = trace_runs(self._runs[index], self._height)
        return self[index]


class LazyRings(Sequence[list[Any]]):
    """Parts, or holes of the parts, by instance: as given, or traced from its mask.

    It compares and shows like the list that it stands for.

    Args:
        given: by instance what was given; empty for a mask.
        traced: the rings of masks.
        member: 0 for the parts, 1 for their holes.
    """

    def __init__(self, given: list[list[Any]], traced: TracedMasks, member: Literal[0, 1]) -> None:
        self.given = given
        self._traced = traced
        self._member = member

    def __len__(self) -> int:
        return len(self.given)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        place = range(len(self))[index]
        return self.given[place] or [rings[self._member] for rings in self._traced[place]]

    def __eq__(self, other: object) -> bool:
        return self[:] == (other[:] if isinstance(other, LazyRings) else other)

    def __repr__(self) -> str:
        return repr(self[:])


def as_given(rings: Sequence[list[Any]]) -> list[list[Any]]:
    """A new list of parts or holes by instance, without what is traced."""
    return list(rings.given if isinstance(rings, LazyRings) else rings)


def checked_polygons(
    parts: Sequence[Any], holes: Sequence[Any], index: int
) -> tuple[list[np.ndarray], list[list[np.ndarray]]]:
    """The parts (N, 2) of an instance and the holes (M, 2) of each, as float64.

    Raises:
        ValueError: there is no part, a ring is no finite polygon, or holes are not one list a part.
    """
    if not len(parts):
        raise ValueError(f"instance {index} has no parts")
    if len(holes) not in (0, len(parts)):
        raise ValueError(f"instance {index}: {len(holes)} lists of holes for {len(parts)} parts")
    outer = [_ring(part, f"instance {index}: a part") for part in parts]
    if not len(holes):
        return outer, [[] for _ in outer]
    return outer, [[_ring(hole, f"instance {index}: a hole") for hole in part] for part in holes]


def checked_runs(values: Any, size: tuple[int, int], index: int) -> np.ndarray:
    """The run lengths of an instance, (r,) int64.

    Raises:
        ValueError: they are no whole numbers, do not fill the image, or show nothing.
    """
    runs = np.asarray(values)
    if runs.ndim != 1 or runs.dtype.kind not in "iu":
        raise ValueError(f"instance {index}: run lengths must be a list of whole numbers")
    # A sum of whole numbers could wrap around to the right one.
    if (runs < 0).any() or runs.sum(dtype=np.float64) != size[0] * size[1]:
        raise ValueError(f"instance {index}: run lengths do not fill {size[1]} x {size[0]} pixels")
    if not runs[1::2].any():
        raise ValueError(f"instance {index}: the mask is empty")
    return runs.astype(np.int64)


def _ring(points: Any, what: str) -> np.ndarray:
    array = np.asarray(points, np.float64)
    if array.ndim != 2 or array.shape[1] != 2 or len(array) < 3:
        raise ValueError(f"{what} must be (N, 2) with N >= 3, not {array.shape}")
    # A finite sum of squares tells most rings at once: there are hundreds an image.
    if not math.isfinite(np.vdot(array, array)) and not np.isfinite(array).all():
        raise ValueError(f"{what.rpartition(':')[0]}: a coordinate is not finite")
    return array
