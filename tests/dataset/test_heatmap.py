"""Gaussian centres and key vertices, with values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from dataset.heatmap import draw_gaussian, gaussian_radius
from dataset.keypoints import key_vertices


def test_radius_by_hand() -> None:
    """Box 10 x 10, overlap 0.7.

    r1: b = 20, c = 100 * 0.3 / 1.7 = 17.647: (20 + sqrt(400 - 70.588)) / 2 = 19.0749
    r2: b = 40, a = 4, c = 30: (40 + sqrt(1600 - 480)) / 2 = 36.7332
    r3: a = 2.8, b = -28, c = -30: (-28 + sqrt(784 + 336)) / 2 = 2.7332, the smallest.
    """
    assert gaussian_radius(10, 10) == pytest.approx((-28 + math.sqrt(1120)) / 2)
    assert gaussian_radius(10, 10) == pytest.approx(2.7332, abs=1e-4)


def test_radius_of_an_empty_box_is_zero() -> None:
    assert gaussian_radius(0, 0) == 0


def test_bump_by_hand() -> None:
    """Radius 1: 3 cells wide, sigma 3 / 6 = 0.5: exp(-1 / 0.5) at the sides, exp(-4) diagonally."""
    heatmap = np.zeros((5, 6), dtype=np.float32)
    draw_gaussian(heatmap, (3, 2), 1.9)
    side, corner = math.exp(-2), math.exp(-4)
    expected = np.zeros((5, 6))
    expected[1:4, 2:5] = [[corner, side, corner], [side, 1, side], [corner, side, corner]]
    assert_allclose(heatmap, expected, rtol=1e-6)


def test_bumps_combine_by_maximum_and_are_cut_at_the_border() -> None:
    heatmap = np.full((4, 4), 0.5, dtype=np.float32)
    draw_gaussian(heatmap, (0, 3), 2)
    assert heatmap[3, 0] == 1
    assert heatmap.min() == 0.5
    # sigma = 5 / 6; one cell away: exp(-1 / (2 * 25 / 36)) = exp(-0.72) = 0.4868 < 0.5
    assert heatmap[3, 1] == 0.5


def test_radius_below_one_marks_one_cell() -> None:
    heatmap = np.zeros((3, 3), dtype=np.float32)
    draw_gaussian(heatmap, (2, 0), 0.99)
    assert heatmap.sum() == 1 == heatmap[0, 2]


@pytest.mark.parametrize("center", [(-1, 0), (3, 0), (0, 2)])
def test_center_outside_is_refused(center: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="outside"):
        draw_gaussian(np.zeros((2, 3), dtype=np.float32), center, 1)


def test_key_vertices_by_hand() -> None:
    """A square of side 20, two points a side: corners stay, middles of sides are straight and go.

    Vertex 0 is the middle of the bottom side: it is key although it lies on a straight line.
    """
    square = [[10, 20], [20, 20], [20, 10], [20, 0], [10, 0], [0, 0], [0, 10], [0, 20]]
    keys = key_vertices(np.array(square, dtype=np.float32), 3.0)
    assert keys[0]
    assert_array_equal(np.flatnonzero(keys)[1:], [1, 3, 5, 7])


def test_key_vertices_tolerance() -> None:
    """A spike of height 2 on a side is kept at tolerance 1 and dropped at tolerance 3."""
    contour = np.array([[0, 0], [50, -2], [100, 0], [100, 100], [0, 100]], dtype=float)
    assert key_vertices(contour, 1.0).tolist() == [True, True, True, True, True]
    assert key_vertices(contour, 3.0).tolist() == [True, False, True, True, True]
