"""Grouping parts into objects: those of one class whose votes for an object's centre agree.

Every part votes for the centre of its whole object (`network.contour.part_votes`). Parts become one
instance when all of them agree with each other, two by two (complete linkage): a chain of
neighbours, each of which is near enough to the next, does not become one object.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely

AGREEMENT = 0.25
"""Votes agree if their distance is at most this share of the object's size."""
OVERLAP = 0.25
"""Parts of one object lie side by side: two that share more of the smaller one than this are two
detections of one thing, or one object in front of another."""
DUPLICATE = 0.5
"""Two parts that agree on their object and have a higher IoU than this are one part detected
twice."""
SCORE_RATIO = 0.5
"""Parts of one object are about equally sure: one joins another whose score is at most twice its
own. Doubtful detections near a good one are mostly wrong, and would spoil its mask."""


def group_parts(
    parts: Sequence[np.ndarray],
    votes: np.ndarray,
    scores: np.ndarray,
    labels: np.ndarray,
    *,
    agreement: float = AGREEMENT,
) -> list[np.ndarray]:
    """Which parts belong together. Of duplicates, the better detection stays.

    The two groups that agree best are joined for as long as any two agree; two groups agree as well
    as the two of their parts that agree least. The result depends neither on the order of the parts
    (unless scores are equal) nor on the scale of the coordinates.

    Args:
        parts: n polygons, (N, 2) each, x then y, in any unit.
        votes: (n, 2) centres of the whole objects, in the same coordinates.
        scores: (n,).
        labels: (n,) class indices; parts of different classes never belong together.
        agreement: how far apart two votes may lie, as a share of the diagonal of the box around
            both parts.

    Returns:
        One array of indices a group, by falling score; the groups by their highest score. Every
        part except duplicates is in exactly one group.
    """
    order = np.argsort(-np.asarray(scores), kind="stable")
    distance = _disagreement([parts[i] for i in order], votes[order], labels[order])
    distance[distance > agreement] = np.inf
    shared, iou = _overlaps([parts[i] for i in order], np.isfinite(distance))
    single = _without_duplicates(iou)
    order, distance = order[single], distance[np.ix_(single, single)]
    distance[shared[np.ix_(single, single)] > OVERLAP] = np.inf
    sure = np.asarray(scores)[order]
    distance[np.minimum.outer(sure, sure) < SCORE_RATIO * np.maximum.outer(sure, sure)] = np.inf
    members: list[list[int]] = [[i] for i in range(len(order))]
    while len(order) > 1:
        first, second = divmod(int(distance.argmin()), len(order))
        if not np.isfinite(distance[first, second]):
            break
        # The earlier one, of the higher score, takes in the later one.
        members[first] += members[second]
        members[second] = []
        joined = np.maximum(distance[first], distance[second])
        distance[first] = distance[:, first] = joined
        distance[second] = distance[:, second] = np.inf
    return [order[sorted(group)] for group in members if group]


def _disagreement(parts: Sequence[np.ndarray], votes: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(n, n): distance of two votes over the diagonal of the box around both parts; infinite for
    different classes and between a part and itself."""
    low = np.array([part.min(axis=0) for part in parts]).reshape(-1, 2)
    high = np.array([part.max(axis=0) for part in parts]).reshape(-1, 2)
    sides = np.maximum(high[:, None], high) - np.minimum(low[:, None], low)
    distance = np.linalg.norm(votes[:, None] - votes, axis=2)
    diagonal = np.linalg.norm(sides, axis=2)
    distance = distance / np.maximum(diagonal, np.finfo(np.float64).tiny)
    distance[labels[:, None] != labels] = np.inf
    np.fill_diagonal(distance, np.inf)
    return distance


def _overlaps(parts: Sequence[np.ndarray], near: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n, n) each: the area that two parts share over that of the smaller one, and over that of
    both together; 0 where they are not `near`."""
    shared, iou = np.zeros(near.shape), np.zeros(near.shape)
    first, second = np.nonzero(np.triu(near))
    polygons = np.empty(len(parts), object)
    for i in np.union1d(first, second):
        # A predicted contour may cross itself.
        polygons[i] = shapely.make_valid(shapely.Polygon(parts[i]))
    one, other = shapely.area(polygons[first]), shapely.area(polygons[second])
    common = shapely.area(shapely.intersection(polygons[first], polygons[second]))
    tiny = np.finfo(np.float64).tiny
    shared[first, second] = common / np.maximum(np.minimum(one, other), tiny)
    iou[first, second] = common / np.maximum(one + other - common, tiny)
    return shared + shared.T, iou + iou.T


def _without_duplicates(iou: np.ndarray) -> np.ndarray:
    """Positions of the parts, by falling score, that are no duplicate of a better one."""
    kept: list[int] = []
    for i in range(len(iou)):
        if not (iou[i, kept] > DUPLICATE).any():
            kept.append(i)
    return np.array(kept, np.int64)
