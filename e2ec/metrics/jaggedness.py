"""How jagged contours are: reversals, turning, crossings of themselves, spacing of vertices.

A jagged contour goes to and fro: it turns sharply, turns more in all than it has to (a convex
contour turns by 2 pi), crosses itself, and its vertices lie close together here, far apart there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import shapely

from dataset.masks.self_intersection import find_self_intersection
from lib.polygons.turning import count_reversals, edge_lengths, turn_angles

# A turn must be this large, in radians, to count as one to the left or to the right.
_STRAIGHT = 1e-6


@dataclass(frozen=True, eq=False)
class Jaggedness:
    """The measures of n contours.

    Attributes:
        reversals: (n,) vertices at which the contour turns by more than 90 degrees.
        sign_changes: (n,) how often it turns to the other side than at the turn before, all the way
            around; 0 where it is convex.
        turning: (n,) the sum of what it turns by, to either side, in full turns; 1 where convex.
        turning_per_length: (n,) the same sum in radians a pixel; 0 where the contour is a point.
        crosses: (n,) bool, whether it crosses itself (`find_self_intersection`).
        spacing_spread: (n,) standard deviation of its edges' lengths by their mean; 0 where all
            are equal, or all vertices one point.
    """

    reversals: np.ndarray
    sign_changes: np.ndarray
    turning: np.ndarray
    turning_per_length: np.ndarray
    crosses: np.ndarray
    spacing_spread: np.ndarray


def measure(contours: np.ndarray) -> Jaggedness:
    """The measures of contours (n, N, 2), x then y, pixels, N >= 3.

    Raises:
        ValueError: an array of another shape.
    """
    angles = turn_angles(contours)
    lengths = edge_lengths(contours)
    total, around = np.abs(angles).sum(axis=1), lengths.sum(axis=1)
    mean = lengths.mean(axis=1)
    return Jaggedness(
        reversals=count_reversals(contours),
        sign_changes=_sign_changes(angles),
        turning=total / (2 * np.pi),
        turning_per_length=np.divide(total, around, out=np.zeros_like(total), where=around > 0),
        crosses=_crosses(contours),
        spacing_spread=np.divide(
            lengths.std(axis=1), mean, out=np.zeros_like(mean), where=mean > 0
        ),
    )


def jaggedness(groups: Iterable[np.ndarray]) -> dict[str, float]:
    """Means over all contours of several groups, such as the images of a data set.

    Args:
        groups: each (n, N, 2), x then y, pixels; N may differ between groups.

    Returns:
        "contours" (how many), "reversals", "sign_changes", "turning" (full turns),
        "turning_per_length" (radians a pixel), "crossing" (the share that crosses itself) and
        "spacing_spread"; NaN, all but the first, where there is no contour.

    Raises:
        ValueError: an array of another shape.
    """
    names = {
        "reversals": "reversals",
        "sign_changes": "sign_changes",
        "turning": "turning",
        "turning_per_length": "turning_per_length",
        "crossing": "crosses",
        "spacing_spread": "spacing_spread",
    }
    found = [measure(group) for group in groups if len(group)]
    means = {"contours": float(sum(len(one.reversals) for one in found))}
    for name, attribute in names.items():
        values = [getattr(one, attribute) for one in found]
        means[name] = float(np.concatenate(values).mean()) if values else float("nan")
    return means


def _sign_changes(angles: np.ndarray) -> np.ndarray:
    """How often the turns (n, N) of contours change their side; straight vertices do not count."""
    changes = np.zeros(len(angles), np.int64)
    for i, row in enumerate(angles):
        sides = np.sign(row[np.abs(row) > _STRAIGHT])
        changes[i] = (sides != np.roll(sides, 1)).sum()
    return changes


def _crosses(contours: np.ndarray) -> np.ndarray:
    """Whether contours cross themselves, (n,) bool: what touches nothing of itself is told by
    shapely, which is fast; the others may merely touch."""
    if len(contours) == 0:
        return np.zeros(0, bool)
    crosses = ~shapely.is_valid(shapely.polygons(contours))
    for i in np.flatnonzero(crosses):
        crosses[i] = find_self_intersection(contours[i]) is not None
    return crosses
