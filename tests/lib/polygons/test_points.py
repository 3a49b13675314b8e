"""Points against polygons: against shapely on random rings, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from lib.polygons.points import contains, nearest_points

SQUARE = np.array([[1.0, 1.0], [5.0, 1.0], [5.0, 5.0], [1.0, 5.0]])


def random_ring(rng: np.random.Generator, vertices: int) -> np.ndarray:
    """A simple ring: rays of random length in ascending angle."""
    angle = np.sort(rng.uniform(0, 2 * np.pi, vertices))
    ray = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    ring: np.ndarray = 10 + rng.uniform(2, 9, vertices)[:, None] * ray
    return ring


@pytest.mark.parametrize("seed", range(20))
def test_inside_and_nearest_equal_shapely(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ring = random_ring(rng, int(rng.integers(3, 30)))[:: 1 if seed % 2 else -1]
    points = rng.uniform(0, 20, (200, 2))
    polygon = shapely.Polygon(ring)
    if polygon.is_valid:
        assert np.array_equal(contains(ring, points), shapely.contains_xy(polygon, *points.T))
    other = random_ring(rng, 5) + 12
    edges = shapely.MultiLineString([shapely.LinearRing(r) for r in (ring, other)])
    way = nearest_points([ring, other], points) - points
    distances = shapely.distance(shapely.points(points), edges)
    assert np.allclose(np.hypot(*way.T), distances, atol=1e-9)
    assert np.allclose(shapely.distance(shapely.points(points + way), edges), 0, atol=1e-9), (
        "and they lie on an edge"
    )


def test_what_is_covered_twice_is_outside() -> None:
    twice = np.concatenate([SQUARE, SQUARE])
    assert contains(twice, np.array([[3.0, 3.0]])).tolist() == [False]
    assert contains(SQUARE, np.array([[3.0, 3.0], [0.5, 3.0]])).tolist() == [True, False]


def test_repeated_vertices_and_no_points() -> None:
    ring = np.repeat(SQUARE, 3, axis=0)
    assert np.allclose(nearest_points([ring], np.array([[3.0, 0.0]])), [[3.0, 1.0]])
    assert contains(ring, np.array([[3.0, 3.0]])).tolist() == [True]
    assert contains(SQUARE, np.zeros((0, 2))).shape == (0,)
    assert nearest_points([SQUARE], np.zeros((0, 2))).shape == (0, 2)
