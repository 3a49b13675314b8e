"""Contours that became jagged fall back: which ones do, and to what."""

from __future__ import annotations

import numpy as np
import pytest

from e2ec.results.postprocess.reversal_filter import fall_back
from lib.polygons.turning import count_reversals

SQUARE = np.array([[0, 0], [4, 0], [8, 0], [8, 4], [8, 8], [4, 8], [0, 8], [0, 4]], float)


def with_swaps(count: int) -> np.ndarray:
    """The square with so many (0 to 2) pairs of neighbouring vertices in the wrong order.

    (4, 0) and (8, 0) swapped give 0, 8, 4 along the upper edge and then (8, 4): at 8 the contour
    goes straight back, and at 4 it turns by 135 degrees: two reversals a pair.
    """
    order = [0, 2, 1, 3, 4, 5, 6, 7] if count else list(range(8))
    if count == 2:
        order[5], order[6] = order[6], order[5]
    return SQUARE[order]


def test_every_pair_of_swapped_vertices_makes_reversals() -> None:
    """The second pair, (4, 8) and (0, 8), does the same at the lower edge."""
    contours = np.stack([with_swaps(count) for count in range(3)])
    assert count_reversals(contours).tolist() == [0, 2, 4]


@pytest.mark.parametrize(
    ("then", "now", "factor", "least", "falls"),
    [
        (0, 1, 2.0, 2, True),  # two where none were
        (0, 1, 2.0, 3, False),  # two are allowed
        (0, 0, 2.0, 1, False),
        (1, 2, 2.0, 2, False),  # four are not more than twice two
        (1, 2, 1.9, 2, True),
        (2, 1, 1.0, 1, False),  # became smoother
        (1, 1, 1.0, 1, False),
    ],
)
def test_contours_whose_reversals_multiply_fall_back(
    then: int, now: int, factor: float, least: int, falls: bool
) -> None:
    before, after = with_swaps(then)[None] + 0.25, with_swaps(now)[None]
    found = fall_back(after, before, factor=factor, least=least)
    np.testing.assert_array_equal(found, before if falls else after)


def test_each_contour_is_judged_by_itself() -> None:
    before = np.stack([SQUARE, SQUARE, with_swaps(1)]) + 1
    after = np.stack([with_swaps(1), SQUARE, with_swaps(1)])
    found = fall_back(after, before, factor=2.0, least=2)
    np.testing.assert_array_equal(found, [before[0], after[1], after[2]])
    assert fall_back(after[:0], before[:0], factor=2.0, least=2).shape == (0, 8, 2)


def test_contours_of_other_vertices_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot fall back"):
        fall_back(SQUARE[None], SQUARE[None, :6], factor=2.0, least=2)
