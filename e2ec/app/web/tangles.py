"""Contours that cannot be mended in a time that a server has: they cross themselves too often.

The work of `results.postprocess.valid_polygons.mend` grows with the crossings, whose number grows
with the square of the points: those of 600 random ones take ten seconds. Contours of a network
cross themselves a few times at most. With numbers near the largest that there are, it may never
end: `documents` refuses these.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import shapely

from e2ec.app.web.refusal import Refusal
from e2ec.results.contours import Contours
from e2ec.results.shapes import as_given

_CROSSINGS = 300
_ALL_CROSSINGS = 3000
# Pairs of edges whose boxes meet: each has to be looked at.
_NEAR = 100_000
_ALL_NEAR = 5_000_000
_CHUNK = 32


def check_tangles(contours: Contours) -> None:
    """Refuse contours with too many crossings.

    Raises:
        Refusal: an instance, or all of them together, are above a limit (413).
    """
    refusal = Refusal(413, "the contours cross themselves too often; untangle them first")
    all_near = all_crossings = 0
    parts, holes = as_given(contours.parts), as_given(contours.holes)
    for rings, inner in zip(parts, holes, strict=True):
        near = crossings = 0
        flat = [*rings, *(hole for some in inner for hole in some)]
        both = _edges(flat)
        for first, second in _pairs(*both):
            near += len(first)
            if near > _NEAR + 50 * len(both[0]) or all_near + near > _ALL_NEAR:
                raise refusal
            crossings += int(shapely.intersects(first, second).sum())
            if crossings > _CROSSINGS or all_crossings + crossings > _ALL_CROSSINGS:
                raise refusal
        all_near, all_crossings = all_near + near, all_crossings + crossings


def _edges(rings: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(E,) segments of all rings, and (E, 2) numbers of the points that each of them joins."""
    segments, ends, start = [np.zeros((0, 2, 2))], [np.zeros((0, 2), np.int64)], 0
    for ring in rings:
        numbers = start + np.arange(len(ring))
        ends.append(np.stack([numbers, np.roll(numbers, -1)], 1))
        segments.append(np.stack([ring, np.roll(ring, -1, axis=0)], 1))
        start += len(ring)
    return shapely.linestrings(np.concatenate(segments)), np.concatenate(ends)


def _pairs(segments: np.ndarray, ends: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Segments whose boxes meet and that are not neighbours, some pairs at a time, each once."""
    tree = shapely.STRtree(segments)
    for start in range(0, len(segments), _CHUNK):
        first, second = tree.query(segments[start : start + _CHUNK])
        first = first + start
        apart = (ends[first][:, :, None] != ends[second][:, None]).all(axis=(1, 2))
        kept = apart & (first < second)
        yield segments[first[kept]], segments[second[kept]]
