"""Polygons of different lengths in two arrays, and geometry of all of them at once.

`lib.polygons.geometry` does the same for one polygon.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class Ragged:
    """n closed polygons; some may have no points.

    Attributes:
        points: (T, 2) all points, one polygon after the other, x then y.
        offsets: (n + 1,) int64, from 0 to T: polygon k has the points offsets[k] to offsets[k + 1].
    """

    points: np.ndarray
    offsets: np.ndarray

    @classmethod
    def pack(cls, polygons: Sequence[np.ndarray]) -> Ragged:
        """The polygons of a list, each (N, 2)."""
        points = np.concatenate(polygons) if len(polygons) else np.zeros((0, 2))
        return cls(points, offsets_of([len(polygon) for polygon in polygons]))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, number: int) -> np.ndarray:
        """The points of a polygon, (N, 2), not copied."""
        if not 0 <= number < len(self):
            raise IndexError(f"there is no polygon {number} of {len(self)}")
        return self.points[self.offsets[number] : self.offsets[number + 1]]

    def __iter__(self) -> Iterator[np.ndarray]:
        """The polygons (N, 2), not copied."""
        for first, last in itertools.pairwise(self.offsets.tolist()):
            yield self.points[first:last]

    @property
    def lengths(self) -> np.ndarray:
        """(n,) number of points of every polygon."""
        return self.offsets[1:] - self.offsets[:-1]

    def slice(self, first: int, last: int) -> Ragged:
        """Polygons `first` to `last`, that one left out; their points are not copied."""
        offsets = self.offsets[first : last + 1]
        return Ragged(self.points[offsets[0] : offsets[-1]], offsets - offsets[0])

    def take(self, order: np.ndarray) -> Ragged:
        """The polygons at these positions, (m,) int64, in this order."""
        offsets, positions = gather(self.offsets, order)
        return Ragged(self.points[positions], offsets)

    def select(self, chosen: np.ndarray) -> Ragged:
        """The polygons of a mask (n,) bool."""
        if chosen.all():
            return self
        lengths = self.lengths
        return Ragged(self.points[np.repeat(chosen, lengths)], offsets_of(lengths[chosen]))

    def keep(self, kept: np.ndarray) -> Ragged:
        """As many polygons, of the points that a mask (T,) bool keeps."""
        if kept.all():
            return self
        return Ragged(self.points[kept], offsets_of(kept)[self.offsets])

    def bounding_boxes(self) -> np.ndarray:
        """Smallest x, smallest y, largest x, largest y of every polygon, (n, 4).

        One without points has the box from infinity to minus infinity, which adds nothing to a
        union of boxes.
        """
        boxes = np.tile([np.inf, np.inf, -np.inf, -np.inf], (len(self), 1))
        filled = self.lengths > 0
        first = self.offsets[:-1][filled]
        boxes[filled, :2] = np.minimum.reduceat(self.points, first)
        boxes[filled, 2:] = np.maximum.reduceat(self.points, first)
        return boxes

    def areas(self) -> np.ndarray:
        """Area of every polygon, (n,), whatever its direction; 0 without points."""
        areas = np.zeros(len(self))
        filled = self.lengths > 0
        first = self.offsets[:-1][filled]
        # From the first point: keeps digits far from the origin.
        x, y = (self.points - np.repeat(self.points[first], self.lengths[filled], axis=0)).T
        after = self._following()
        areas[filled] = np.abs(np.add.reduceat(x * y[after] - x[after] * y, first)) / 2
        return areas

    def remove_repeated_points(self) -> Ragged:
        """The polygons without points equal to the one after them; of equal ones alone, one stays.

        After the last point comes the first.
        """
        moves = (self.points != self.points[self._following()]).any(axis=1)
        first = self.offsets[:-1][self.lengths > 0]
        moves[first] |= ~np.logical_or.reduceat(moves, first)
        return self.keep(moves)

    def clip_to_box(self, width: float, height: float) -> Ragged:
        """What of the polygons lies in [0, width] x [0, height] (Sutherland-Hodgman).

        Where a polygon leaves the box and comes back, the border of the box joins both places.
        Pieces that the box cuts apart stay joined along the border: the area is that of the
        intersection.
        """
        if ((self.points >= 0) & (self.points <= (width, height))).all():
            return self
        clipped = self
        for axis, bound, side in ((0, 0.0, 1), (0, width, -1), (1, 0.0, 1), (1, height, -1)):
            points = clipped.points
            before = points[:, axis] - bound
            inside = side * before >= 0
            if inside.all():
                continue
            after = clipped._following()
            crossing = inside != inside[after]
            # An edge gives its start, if inside, and then where it crosses the border, if it does.
            span = np.where(crossing, before - before[after], 1.0)
            borders = points + (before / span)[:, None] * (points[after] - points)
            borders[:, axis] = bound
            kept = np.stack([inside, crossing], axis=1)
            offsets = offsets_of(kept.sum(axis=1))[clipped.offsets]
            clipped = Ragged(np.stack([points, borders], axis=1)[kept], offsets)
        return clipped

    def _following(self) -> np.ndarray:
        """The index of the point after each, (T,): after the last of a polygon comes its first."""
        following = np.arange(1, len(self.points) + 1)
        filled = self.lengths > 0
        following[self.offsets[1:][filled] - 1] = self.offsets[:-1][filled]
        return following


def gather(offsets: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of varying length in a new order.

    Args:
        offsets: (n + 1,) int64: row i holds the elements offsets[i] to offsets[i + 1].
        order: (m,) int64, the rows wanted.

    Returns:
        The (m + 1,) offsets of the new rows, and the old position of every element of theirs.
    """
    lengths = np.diff(offsets)[order]
    new = offsets_of(lengths)
    shift = np.repeat(offsets[order] - new[:-1], lengths)
    return new, np.arange(len(shift)) + shift


def offsets_of(lengths: Sequence[int] | np.ndarray) -> np.ndarray:
    """The (n + 1,) int64 offsets of rows that have these n lengths."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets
