"""Multi-direction alignment: where vertices come to lie, and that a contour is walked once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from shapely.geometry import LineString

from lib.ops.labels.reference import align_contour
from lib.polygons.geometry import signed_area


def star(seed: int, count: int) -> np.ndarray:
    """A random star-shaped polygon, clockwise on screen."""
    rng = np.random.default_rng(seed)
    angle = 2 * np.pi * (np.arange(count) + rng.uniform(0, 0.8, count)) / count
    radius = rng.uniform(20, 100, count)[:, None]
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1) + rng.uniform(0, 500, 2)


def spiral(turns: float, start: float) -> np.ndarray:
    """A thin band wound around a centre, with inner and outer edge."""
    angle = np.linspace(start, start + 2 * np.pi * turns, 120)
    ray = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    radius = (20 + 10 * (angle - angle[0]) / np.pi)[:, None]
    return np.concatenate([radius * ray, ((radius + 8) * ray)[::-1]]) + 300


shapes = st.one_of(
    st.builds(star, st.integers(0, 10**6), st.integers(3, 40)),
    st.builds(spiral, st.floats(0.3, 3.0), st.floats(0, 6.28)),
)
direction_counts = st.sampled_from([0, 1, 2, 3, 4, 5, 8, 16])


def arc_positions(label: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Arc positions of label vertices on `points`, unwrapped by always walking forwards.

    Each vertex is looked for on the contour from its predecessor's position on, nearest stretch
    first, so that a label which walks once ends less than one length after its start.
    """
    closed = np.concatenate([points, points[:1]])
    steps = np.diff(closed, axis=0)
    lengths = np.hypot(*steps.T)
    begin = np.cumsum(lengths) - lengths
    total = lengths.sum()
    positions: list[float] = []
    for vertex in label:
        along = np.clip(((vertex - points) * steps).sum(1) / lengths**2, 0, 1)
        gap = np.hypot(*(points + along[:, None] * steps - vertex).T)
        found = (begin + along * lengths)[gap < 1e-6]
        assert len(found), "a label vertex lies off the contour"
        if positions:
            ahead = (found - positions[-1]) % total
            ahead = np.where(ahead < 1e-7, total, ahead)  # no vertex may repeat
            positions.append(positions[-1] + ahead.min())
        else:
            positions.append(float(found[0]))
    return np.array(positions) / total


def counterclockwise(points: np.ndarray) -> np.ndarray:
    return points[::-1] if signed_area(points) > 0 else points


def test_square_with_four_directions() -> None:
    """Square (0,0)-(8,8), N = 8: the fixed points are the middles of its sides, the four others
    lie half way (arc length 4 of 8) between them: on the corners."""
    square = np.array([[0, 0], [8, 0], [8, 8], [0, 8]], dtype=float)
    expected = [[4, 8], [8, 8], [8, 4], [8, 0], [4, 0], [0, 0], [0, 4], [0, 8]]
    assert_allclose(align_contour(square, 8, 4), expected, atol=1e-12)


def test_rectangle_shares_points_between_directions_not_lengths() -> None:
    """Rectangle 16 x 4, N = 8, M = 2: down (8,4) and up (8,0) are fixed, the other three of each
    half lie at quarters of its length 20: 5, 10, 15 -> (13,4), (16,2), (13,0)."""
    rectangle = np.array([[0, 0], [16, 0], [16, 4], [0, 4]], dtype=float)
    expected = [[8, 4], [13, 4], [16, 2], [13, 0], [8, 0], [3, 0], [0, 2], [3, 4]]
    assert_allclose(align_contour(rectangle, 8, 2), expected, atol=1e-12)


def test_each_stretch_has_its_own_spacing() -> None:
    """Triangle (0,0), (8,0), (0,8); centre of its box (4, 4). Down and right both meet the slanted
    side in (4, 4), so "right" is dropped and shares its points with "up", which is (4, 0); "left"
    is (0, 4). N = 8: down to up is 4 sqrt 2 + 4 in 4 steps, up to left 8 in 2, left to down
    4 + 4 sqrt 2 in 2."""
    triangle = np.array([[0, 0], [8, 0], [0, 8]], dtype=float)
    label = align_contour(triangle, 8, 4)
    assert_allclose(label[[0, 4, 5, 6]], [[4, 4], [4, 0], [0, 0], [0, 4]], atol=1e-9)
    step = (4 * np.sqrt(2) + 4) / 4
    assert_allclose(label[1], [4 + step / np.sqrt(2), 4 - step / np.sqrt(2)], atol=1e-9)


def test_farthest_crossing_is_fixed() -> None:
    """A C open to the right: straight down from the centre the ray meets the lower arm twice, at
    y = 6 and y = 9; vertex 0 is the outer one."""
    shape = np.array(
        [[0, 0], [10, 0], [10, 3], [3, 3], [3, 6], [10, 6], [10, 9], [0, 9]], dtype=float
    )
    assert_allclose(align_contour(shape, 16, 4)[0], [5, 9], atol=1e-12)


def test_center_outside_the_object_takes_the_smallest_angle() -> None:
    """An L whose box centre (5, 5) lies outside: nothing lies straight right of it; nearest in
    angle is the corner (10, 8) at atan(3/5), not (10, 10)."""
    shape = np.array([[0, 0], [2, 0], [2, 8], [10, 8], [10, 10], [0, 10]], dtype=float)
    label = align_contour(shape, 16, 4)
    assert_allclose(label[0], [5, 10], atol=1e-12)
    assert_allclose(label[4], [10, 8], atol=1e-12)


@settings(max_examples=80, deadline=None)
@given(shapes, direction_counts, st.integers(16, 140))
def test_walks_exactly_once(points: np.ndarray, directions: int, vertices: int) -> None:
    """All vertices lie on the contour, each strictly after the one before, within one length."""
    label = align_contour(points, vertices, directions)
    assert label.shape == (vertices, 2)
    positions = arc_positions(label, counterclockwise(points))
    assert (np.diff(positions) > 1e-9).all()
    assert positions[-1] - positions[0] < 1


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(8, 40), direction_counts)
def test_vertex_zero_is_straight_down_and_order_counterclockwise(
    seed: int, count: int, directions: int
) -> None:
    """Seen on screen: below the box centre, then counter-clockwise (negative shoelace, y down)."""
    points = star(seed, count)
    label = align_contour(points, 128, directions)
    center = (points.min(axis=0) + points.max(axis=0)) / 2
    ray = LineString([center, (center[0], points[:, 1].max() + 1)])
    crossings = ray.intersection(LineString([*points, points[0]]))
    if not crossings.is_empty:  # of several crossings the farthest
        assert_allclose(label[0], (center[0], crossings.bounds[3]), atol=1e-6)
    assert signed_area(label) < 0


@settings(max_examples=60, deadline=None)
@given(shapes, direction_counts, st.integers(0, 300), st.booleans())
def test_start_and_orientation_of_the_input_do_not_matter(
    points: np.ndarray, directions: int, shift: int, flip: bool
) -> None:
    same = np.roll(points, shift, axis=0)
    same = same[::-1] if flip else same
    expected = align_contour(points, 64, directions)
    assert_allclose(align_contour(same, 64, directions), expected, atol=1e-6)


@pytest.mark.parametrize("directions", [4, 8])
def test_directions_lie_at_equal_counts_on_a_circle(directions: int) -> None:
    """On a circle every fixed vertex lies in its direction, beginning straight down."""
    angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    circle = 50 + 20 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    label = align_contour(circle, 128, directions)[:: 128 // directions] - 50
    turn = 2 * np.pi * np.arange(directions) / directions
    assert_allclose(label, 20 * np.stack([np.sin(turn), np.cos(turn)], axis=1), atol=0.02)


def test_many_directions_on_a_spiral_stay_cheap_and_whole() -> None:
    """64 directions in no order at all: no search over subsets, still 128 distinct vertices."""
    label = align_contour(spiral(3.0, 0.0), 128, 64)
    assert len(np.unique(label.round(9), axis=0)) == 128


def test_repeated_points_change_nothing() -> None:
    points = star(1, 12)
    assert_allclose(
        align_contour(np.repeat(points, 2, axis=0), 32, 4), align_contour(points, 32, 4), atol=1e-9
    )


def test_a_line_is_refused() -> None:
    with pytest.raises(ValueError, match="three distinct"):
        align_contour(np.array([[0.0, 0.0], [1.0, 1.0], [1.0, 1.0]]), 8, 4)
