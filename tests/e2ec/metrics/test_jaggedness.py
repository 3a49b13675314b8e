"""Jaggedness: regular polygons, zigzags and figures of eight, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from e2ec.metrics.jaggedness import jaggedness, measure


def regular(count: int, radius: float = 10.0) -> np.ndarray:
    angles = 2 * np.pi * np.arange(count) / count
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1) + 50


def zigzag() -> np.ndarray:
    """A band from (0, 0) to (4, 10) whose upper edge has two teeth, 2 wide and 3 high.

    Clockwise from the top left: five vertices of the teeth, then the two lower corners.
    """
    teeth = [[0, 0], [1, 3], [2, 0], [3, 3], [4, 0]]
    return np.array([*teeth, [4, 10], [0, 10]], float)


def test_a_regular_polygon_turns_once_around_evenly() -> None:
    for count in (3, 4, 64):
        found = measure(regular(count)[None])
        around = count * 2 * 10 * np.sin(np.pi / count)
        np.testing.assert_allclose(found.turning, 1)
        np.testing.assert_allclose(found.turning_per_length, 2 * np.pi / around)
        np.testing.assert_allclose(found.spacing_spread, 0, atol=1e-12)
        assert found.sign_changes == 0 and not found.crosses[0]
        # A triangle turns by 120 degrees at its corners, a square by 90, which is no reversal.
        assert found.reversals == (3 if count == 3 else 0)


def test_the_turns_of_a_zigzag() -> None:
    """Steep edges of slope 3 stand a = atan(3) = 71.6 degrees from the horizontal.

    At the bottoms and the peak between the teeth the contour turns by 2 a = 143 degrees: three
    reversals, to the left, the right and the left. At the upper corners, from an upright edge into
    a steep one, by 180 - 18.4 = 161.6 degrees: two more, to the right. The lower corners are right
    angles. In all 3 * 143.1 + 2 * 161.6 + 2 * 90 = 932.6 degrees = 2.590 full turns.
    """
    found = measure(zigzag()[None])
    a = np.arctan(3)
    total = 3 * 2 * a + 2 * (np.pi / 2 + a) + np.pi
    assert found.reversals == 5
    # right (0, 0), left (1, 3), right (2, 0), left (3, 3), right for the rest: four changes.
    assert found.sign_changes == 4
    np.testing.assert_allclose(found.turning, total / (2 * np.pi))
    np.testing.assert_allclose(found.turning, 2.590, atol=1e-3)
    around = 4 * np.sqrt(10) + 10 + 4 + 10
    np.testing.assert_allclose(found.turning_per_length, total / around)
    edges = np.array([np.sqrt(10)] * 4 + [10, 4, 10])
    np.testing.assert_allclose(found.spacing_spread, edges.std() / edges.mean())


def test_only_crossing_contours_cross() -> None:
    """A contour that touches itself at a vertex, as labels made from masks do, does not."""
    eight = np.array([[0, 0], [4, 4], [4, 0], [0, 4], [-1, 2], [-1, 1]], float)
    touching = np.array([[0, 0], [4, 0], [4, 4], [2, 0], [0, 4], [-1, 2]], float)
    found = measure(np.stack([eight, touching, regular(6)]))
    assert found.crosses.tolist() == [True, False, False]


def test_means_are_over_all_contours_of_all_groups() -> None:
    """One crossing of four; reversals 3, 3 and 3 of the triangles and 5 of the zigzag."""
    triangles = np.stack([regular(3)] * 3)
    means = jaggedness([triangles, np.zeros((0, 5, 2)), zigzag()[None]])
    assert means["contours"] == 4
    assert means["reversals"] == (3 + 3 + 3 + 5) / 4
    assert means["sign_changes"] == 1
    assert means["crossing"] == 0
    eight = np.array([[[0, 0], [4, 4], [4, 0], [0, 4]]], float)
    assert jaggedness([eight, triangles])["crossing"] == 0.25


def test_nothing_and_points() -> None:
    nothing = jaggedness([])
    assert nothing.pop("contours") == 0
    assert all(np.isnan(value) for value in nothing.values())
    point = jaggedness([np.ones((1, 5, 2))])
    assert point["turning_per_length"] == point["spacing_spread"] == point["reversals"] == 0
    with pytest.raises(ValueError, match="contours must be"):
        jaggedness([np.zeros((2, 3))])
