"""Polygons with another number of vertices: corners stay, and the shape with them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lib.polygons.geometry import area
from lib.polygons.resampling import divided, perimeter, simplified

SQUARE = np.array([[0.0, 0.0], [8.0, 0.0], [8.0, 8.0], [0.0, 8.0]])
POLYGONS = hnp.arrays(
    np.float64, st.tuples(st.integers(3, 12), st.just(2)), elements=st.floats(-100, 100)
)


def test_a_square_by_hand() -> None:
    """Eight vertices: each edge in two halves."""
    expected = [[0, 0], [4, 0], [8, 0], [8, 4], [8, 8], [4, 8], [0, 8], [0, 4]]
    assert np.array_equal(divided(SQUARE, 8), expected)
    assert perimeter(SQUARE) == 32


@given(polygon=POLYGONS, count=st.integers(12, 200))
def test_every_corner_stays_and_no_edge_is_long(polygon: np.ndarray, count: int) -> None:
    found = divided(polygon, count)
    assert found.shape == (count, 2) and np.isfinite(found).all()
    places = [int(np.flatnonzero((found == corner).all(axis=1))[0]) for corner in polygon]
    assert places[0] == 0
    if len(np.unique(polygon, axis=0)) == len(polygon):
        assert places == sorted(places)
    assert perimeter(found) == pytest.approx(perimeter(polygon), rel=1e-9, abs=1e-9)
    if count > len(polygon):
        longest = np.hypot(*(np.roll(found, -1, axis=0) - found).T).max()
        assert longest <= perimeter(polygon) / (count - len(polygon)) * (1 + 1e-9) + 1e-12


def test_too_few_vertices_are_refused() -> None:
    with pytest.raises(ValueError, match="4 corners do not fit into 3"):
        divided(SQUARE, 3)
    assert np.array_equal(divided(SQUARE, 4), SQUARE)


def test_corners_of_a_divided_polygon_are_found_again() -> None:
    """Far from the origin too."""
    shifted = SQUARE + 1e5 / 3
    found = simplified(divided(shifted, 64), tolerance=0.1, most=10)
    assert len(found) == 4
    assert np.abs(np.sort(found, axis=0) - np.sort(shifted, axis=0)).max() < 1e-6


def test_a_limit_of_corners_raises_the_tolerance() -> None:
    angles = np.linspace(0, 2 * math.pi, 1000, endpoint=False)
    circle = 50 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    many = simplified(circle, tolerance=0.01, most=1000)
    few = simplified(circle, tolerance=0.01, most=20)
    assert 20 < len(many) < 300 and 8 <= len(few) <= 20
    assert area(many) == pytest.approx(math.pi * 2500, rel=1e-3)
    assert area(few) == pytest.approx(math.pi * 2500, rel=0.1)


def test_lines_and_points_have_fewer_than_three_corners() -> None:
    line = np.array([[0.0, 0.0], [5.0, 0.0], [9.0, 0.0], [5.0, 0.0]])
    assert len(simplified(line, tolerance=0.1, most=10)) < 3
    assert len(simplified(np.ones((4, 2)), tolerance=0.1, most=10)) == 1
    assert divided(np.ones((1, 2)), 5).shape == (5, 2)
