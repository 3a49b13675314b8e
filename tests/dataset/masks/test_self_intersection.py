"""Contours that cross themselves, and those that only touch themselves."""

from __future__ import annotations

import time

import numpy as np
import pytest

from dataset.masks.self_intersection import find_self_intersection, winding_numbers

BOW_TIE = [(0, 0), (10, 10), (10, 0), (0, 10)]
# Twice around: the loop inside is enclosed two times.
LOOP = [(0, 0), (10, 0), (10, 10), (0, 10), (0, 0.5), (6, 0.5), (6, 6), (3, 6), (3, -1), (0, -1)]
TOUCHING_CORNERS = [(0, 0), (5, 5), (10, 0), (10, 10), (5, 5), (0, 10)]
HOLE_ON_A_BRIDGE = [
    (0, 0), (20, 0), (20, 20), (0, 20), (0, 0), (5, 5), (5, 15), (15, 15), (15, 5), (5, 5)
]  # fmt: skip
SPIKE = [(0, 0), (10, 0), (10, 5), (20, 5), (10, 5), (10, 10), (0, 10)]
TWICE_AROUND = [(0, 0), (10, 0), (10, 10), (0, 10)] * 2


def contour(points: list[tuple[float, float]]) -> np.ndarray:
    return np.array(points, np.float64)


@pytest.mark.parametrize("points", [BOW_TIE, LOOP, TWICE_AROUND])
def test_crossings_are_found_whatever_the_start_and_direction(
    points: list[tuple[float, float]],
) -> None:
    for start in range(len(points)):
        turned = contour(points[start:] + points[:start])
        assert find_self_intersection(turned) is not None
        assert find_self_intersection(turned[::-1]) is not None


@pytest.mark.parametrize("points", [TOUCHING_CORNERS, HOLE_ON_A_BRIDGE, SPIKE, BOW_TIE[:3]])
def test_touching_is_no_crossing(points: list[tuple[float, float]]) -> None:
    for start in range(len(points)):
        turned = contour(points[start:] + points[:start])
        assert find_self_intersection(turned) is None
        assert find_self_intersection(turned[::-1]) is None


def test_the_place_lies_in_a_loop_of_the_bow_tie() -> None:
    place = find_self_intersection(contour(BOW_TIE))
    assert place is not None
    x, y = place
    assert abs(y - 5) < abs(x - 5)  # in one of its triangles, left and right of (5, 5)


def test_loops_by_rounding_and_repeated_points_are_no_crossings() -> None:
    # The loop at the corner (10, 10) is a triangle of 0.05 * 0.05 square pixels.
    points = [(0, 0), (10, 0), (10, 10.05), (10.05, 10), (0, 10)]
    assert find_self_intersection(contour(points)) is None
    assert find_self_intersection(contour([(1, 1)] * 5)) is None
    assert find_self_intersection(np.repeat(contour(SPIKE), 3, axis=0)) is None


def test_random_polygons_as_by_testing_all_pairs_of_edges() -> None:
    rng = np.random.default_rng(0)
    crossing = 0
    for _ in range(300):
        points = rng.uniform(0, 1000, (int(rng.integers(3, 8)), 2))
        crossing += _any_edges_cross(points)
        assert (find_self_intersection(points) is not None) == _any_edges_cross(points)
    assert 50 < crossing < 250


def _any_edges_cross(points: np.ndarray) -> bool:
    def side(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> float:
        return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])

    edges = list(zip(points, np.roll(points, -1, axis=0), strict=True))
    return any(
        side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0
        for k, (a, b) in enumerate(edges)
        for c, d in edges[:k]
    )


def test_long_contours() -> None:
    """A circle and a comb of teeth on a bridge are fine, two vertices swapped cross."""
    angle = np.linspace(0, 2 * np.pi, 2000, endpoint=False)
    circle = 500 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    assert find_self_intersection(circle) is None
    swapped = circle.copy()
    swapped[[100, 101]] = swapped[[101, 100]]
    place = find_self_intersection(swapped)
    assert place is not None
    assert np.hypot(*(np.array(place) - circle[100])) < 3


def test_a_scribble_takes_no_time() -> None:
    points = np.random.default_rng(0).uniform(0, 1000, (20_000, 2))
    started = time.perf_counter()
    assert find_self_intersection(points) is not None
    assert time.perf_counter() - started < 5


def test_winding_numbers() -> None:
    square = contour([(0, 0), (10, 0), (10, 10), (0, 10), (0, 0)])
    places = np.array([[5.0, 5.0], [15.0, 5.0], [5.0, -1.0]])
    assert winding_numbers(places, square).tolist() == [1, 0, 0]
    assert winding_numbers(places, square[::-1]).tolist() == [-1, 0, 0]
    assert winding_numbers(places, np.concatenate([square, square[1:]])).tolist() == [2, 0, 0]
