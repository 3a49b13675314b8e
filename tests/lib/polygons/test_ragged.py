"""Polygons in two arrays: what lists of arrays give, and the geometry of single polygons."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from odd_polygons import random_polygon

from lib.polygons import geometry
from lib.polygons.ragged import Ragged, gather

seeds = st.integers(0, 2**32 - 1)


def random_polygons(seed: int) -> list[np.ndarray]:
    """None to eight; some have no points."""
    rng = np.random.default_rng(seed)
    return [random_polygon(rng)[: rng.choice([0, 99], p=[0.2, 0.8])] for _ in range(seed % 9)]


def assert_same(ragged: Ragged, polygons: Iterable[np.ndarray]) -> None:
    expected = list(polygons)
    assert ragged.offsets.dtype == np.int64 and ragged.offsets[0] == 0
    assert ragged.offsets[-1] == len(ragged.points)
    assert len(ragged) == len(expected) == len(list(ragged))
    for number, (one, other) in enumerate(zip(ragged, expected, strict=True)):
        assert_array_equal(one, other)
        assert_array_equal(ragged[number], other)
    with pytest.raises(IndexError):
        ragged[len(expected)]


def test_two_polygons_by_hand() -> None:
    """A triangle of 4 x 3 / 2 and a square of 2 x 2, the points of which are 3 and 4."""
    triangle = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 3.0]])
    square = np.array([[5.0, 1.0], [7.0, 1.0], [7.0, 3.0], [5.0, 3.0]])
    both = Ragged.pack([triangle, square])
    assert both.offsets.tolist() == [0, 3, 7]
    assert both.areas().tolist() == [6, 4]
    assert both.bounding_boxes().tolist() == [[0, 0, 4, 3], [5, 1, 7, 3]]
    assert both.slice(1, 2).offsets.tolist() == [0, 4]
    assert np.shares_memory(both.slice(1, 2).points, both.points)
    # A polygon may begin where the one before it ends.
    assert_same(
        Ragged.pack([triangle, triangle[::-1]]).remove_repeated_points(), [triangle, triangle[::-1]]
    )
    # The box cuts the triangle's tip off and leaves nothing of the square.
    clipped = both.clip_to_box(2, 9)
    assert clipped.areas().tolist() == [4.5, 0]
    assert (
        len(clipped[1]) == 0
        and clipped.bounding_boxes()[1].tolist() == [np.inf] * 2 + [-np.inf] * 2
    )


@settings(max_examples=100, deadline=None)
@given(seeds)
def test_choosing_polygons_equals_lists(seed: int) -> None:
    rng, polygons = np.random.default_rng(seed), random_polygons(seed)
    ragged, count = Ragged.pack(polygons), len(polygons)
    assert_same(ragged, polygons)
    assert_array_equal(ragged.lengths, [len(polygon) for polygon in polygons])
    first, last = sorted(rng.integers(0, count + 1, 2).tolist())
    assert_same(ragged.slice(first, last), polygons[first:last])
    order = rng.integers(0, max(count, 1), 5 * (count > 0))
    assert_same(ragged.take(order), [polygons[k] for k in order])
    chosen = rng.random(count) < rng.choice([0.5, 1.0])
    assert_same(ragged.select(chosen), [p for p, yes in zip(polygons, chosen, strict=True) if yes])
    kept = rng.random(len(ragged.points)) < rng.choice([0.5, 1.0])
    parts = np.split(kept, ragged.offsets[1:-1]) if count else []
    assert_same(ragged.keep(kept), [p[k] for p, k in zip(polygons, parts, strict=True)])


@settings(max_examples=100, deadline=None)
@given(seeds)
def test_geometry_equals_that_of_single_polygons(seed: int) -> None:
    polygons = random_polygons(seed)
    ragged = Ragged.pack(polygons)
    assert_allclose(ragged.areas(), [geometry.area(p) for p in polygons], atol=1e-9)
    nothing = (np.inf, np.inf, -np.inf, -np.inf)
    boxes = [geometry.bounding_box(p) if len(p) else nothing for p in polygons]
    assert_array_equal(ragged.bounding_boxes(), np.array(boxes).reshape(-1, 4))
    assert_same(ragged.clip_to_box(64, 48), [geometry.clip_to_box(p, 64, 48) for p in polygons])
    assert_same(ragged.remove_repeated_points(), map(geometry.remove_repeated_points, polygons))


@given(st.integers(0, 10_000))
def test_gather(seed: int) -> None:
    """Rows of varying length in any order, some of them left out or taken twice."""
    rng = np.random.default_rng(seed)
    rows = [rng.integers(0, 100, rng.integers(0, 4)) for _ in range(rng.integers(1, 8))]
    offsets = np.cumsum([0, *map(len, rows)])
    order = rng.integers(0, len(rows), rng.integers(0, 10))
    new, index = gather(offsets, order)
    flat = np.concatenate(rows)[index] if len(index) else np.zeros(0)
    assert len(new) == len(order) + 1
    for number, row in enumerate(order):
        assert_array_equal(flat[new[number] : new[number + 1]], rows[row])
