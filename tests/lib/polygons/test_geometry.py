"""Polygon geometry: worked examples, degenerate input, and shapely as the judge."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.polygons import geometry

# Clockwise on the screen (y down): right along the top, then down.
SQUARE = np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 4.0]])

# The square with a vertex at every whole pixel.
SIXTEEN = np.concatenate(
    [
        start + np.arange(4)[:, None] * (stop - start) / 4
        for start, stop in zip(SQUARE, np.roll(SQUARE, -1, axis=0), strict=True)
    ]
)

quick = settings(max_examples=150, deadline=None)


@st.composite
def simple_polygons(draw: st.DrawFn) -> np.ndarray:
    """Star-shaped, therefore simple, and often concave; about the box [0, 10] x [0, 8]."""
    count = draw(st.integers(3, 14))
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    # One angle in each of `count` equal sectors, never more than half a turn apart.
    angles = (np.arange(count) + random.uniform(0.1, 0.9, count) * 0.5) * (2 * np.pi / count)
    radii = random.uniform(0.5, 9.0, count)
    centre = random.uniform(-4, 14, 2)
    return centre + radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)


polygons = st.lists(
    st.tuples(*[st.floats(-50, 50, allow_nan=False, width=32)] * 2), min_size=1, max_size=20
).map(lambda points: np.array(points, np.float64))


def test_square_measures() -> None:
    assert geometry.signed_area(SQUARE) == 16.0
    assert geometry.signed_area(SQUARE[::-1]) == -16.0
    assert geometry.area(SQUARE[::-1]) == 16.0
    assert geometry.bounding_box(SQUARE + 0.5) == (0.5, 0.5, 4.5, 4.5)


def test_area_keeps_its_digits_far_from_the_origin() -> None:
    assert geometry.signed_area(SQUARE + 1e8) == 16.0


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_than_three_points_enclose_nothing(count: int) -> None:
    assert geometry.signed_area(SQUARE[:count]) == 0.0


def test_a_box_needs_a_point() -> None:
    with pytest.raises(ValueError, match="at least one point"):
        geometry.bounding_box(np.zeros((0, 2)))


@quick
@given(simple_polygons())
def test_area_equals_shapely(points: np.ndarray) -> None:
    polygon = shapely.Polygon(points)
    assert geometry.area(points) == pytest.approx(polygon.area, rel=1e-9)


@quick
@given(simple_polygons())
def test_clipped_area_equals_shapely(points: np.ndarray) -> None:
    clipped = geometry.clip_to_box(points, 10, 8)
    expected = shapely.Polygon(points).intersection(shapely.box(0, 0, 10, 8)).area
    assert geometry.area(clipped) == pytest.approx(expected, abs=1e-9)


@quick
@given(polygons)
def test_clipped_points_lie_in_the_box(points: np.ndarray) -> None:
    clipped = geometry.clip_to_box(points, 10, 8)
    assert clipped.shape[1] == 2
    assert (clipped >= 0).all() and (clipped <= [10, 8]).all()


def test_clipping_a_corner() -> None:
    # The triangle (-2,0) (2,0) (2,4) has its long side on y = x + 2: it enters at (0, 2).
    triangle = np.array([[-2.0, 0.0], [2.0, 0.0], [2.0, 4.0]])
    expected = [[0, 0], [2, 0], [2, 4], [0, 2]]
    clipped = geometry.clip_to_box(triangle, 10, 8).tolist()
    assert sorted(clipped) == sorted(expected)


def test_clipping_inside_outside_and_nothing() -> None:
    np.testing.assert_array_equal(geometry.clip_to_box(SQUARE, 4, 4), SQUARE)
    assert geometry.clip_to_box(SQUARE + 100, 4, 4).shape == (0, 2)
    assert geometry.clip_to_box(np.zeros((0, 2)), 4, 4).shape == (0, 2)


def test_repeated_points_go_and_the_first_stays() -> None:
    points = np.array([[0, 0], [0, 0], [3, 0], [3, 0], [3, 3], [0, 0]], np.float64)
    np.testing.assert_array_equal(geometry.remove_repeated_points(points), [[0, 0], [3, 0], [3, 3]])
    assert geometry.remove_repeated_points(np.zeros((0, 2))).shape == (0, 2)
    assert geometry.remove_repeated_points(np.ones((5, 2))).tolist() == [[1, 1]]


def test_polygons_within_bounds_are_not_clipped() -> None:
    points = SQUARE * 20_000
    assert geometry.clip_far(points, 10, 8) is points


@pytest.mark.parametrize("far", [1.1e5, 1e9, 1.1e308])
def test_far_polygons_keep_what_they_cover_of_the_image(far: float) -> None:
    """A quarter plane from (4, 2) on; and polygons that do not touch the image at all."""
    points = np.array([[4, 2], [far, 2], [far, far], [4, far]])
    clipped = geometry.clip_far(points, 10, 8)
    assert np.abs(clipped).max() < 1000
    assert geometry.area(geometry.clip_to_box(clipped, 10, 8)) == pytest.approx(6 * 6)
    for outside in (points * -1, points + far / 2):
        clipped = geometry.clip_far(outside, 10, 8)
        assert len(clipped) >= 3
        assert geometry.area(geometry.clip_to_box(clipped, 10, 8)) == 0


def test_simplifying_keeps_corners_and_drops_what_lies_between() -> None:
    points = SIXTEEN
    kept = geometry.simplify_closed(points, 0.5)
    np.testing.assert_array_equal(points[kept], SQUARE)


def test_simplifying_starts_at_vertex_zero_even_on_a_straight_side() -> None:
    points = np.roll(SIXTEEN, -2, axis=0)  # starts at (2, 0)
    kept = geometry.simplify_closed(points, 0.5)
    assert kept[0] and kept.sum() == 5


@quick
@given(polygons, st.floats(0, 10))
def test_simplified_contour_stays_within_the_tolerance(
    points: np.ndarray, tolerance: float
) -> None:
    kept = geometry.simplify_closed(points, tolerance)
    assert kept.shape == (len(points),) and kept[0]
    simplified = points[kept]
    ring = shapely.LineString(np.concatenate([simplified, simplified[:1]]))
    assert all(ring.distance(shapely.Point(point)) <= tolerance + 1e-9 for point in points)


def test_simplifying_degenerate_input() -> None:
    assert geometry.simplify_closed(np.zeros((0, 2)), 1.0).tolist() == []
    assert geometry.simplify_closed(np.ones((4, 2)), 0.0).tolist() == [True, False, False, False]


def test_an_affine_map() -> None:
    # Scale by 2 and 3, then shift by 10 and 20: (1, 1) -> (12, 23).
    matrix = np.array([[2.0, 0.0, 10.0], [0.0, 3.0, 20.0]])
    moved = geometry.transform_points(np.array([[1.0, 1.0]]), matrix)
    np.testing.assert_array_equal(moved, [[12.0, 23.0]])
