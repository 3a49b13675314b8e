"""What a crop shows: all parts at once, as the geometry of single polygons gives it."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from dataset.loading.sample import Instance
from dataset.masks.visible_parts import Part, visible_parts
from lib.polygons import ragged as packed
from lib.polygons.geometry import (
    area,
    bounding_box,
    clip_to_box,
    remove_repeated_points,
    transform_points,
)


def part_by_part(
    instances: list[Instance], matrix: np.ndarray, crop_size: tuple[int, int], smallest: float
) -> list[Part]:
    """The slow version of `visible_parts`."""
    parts = []
    for instance in instances:
        clipped = [
            remove_repeated_points(clip_to_box(transform_points(part, matrix), *crop_size[::-1]))
            for part in instance.parts
            if _meets(bounding_box(transform_points(part, matrix)), crop_size)
        ]
        seen = [points for points in clipped if len(points) >= 3]
        if seen:
            x0, y0, x1, y1 = bounding_box(np.concatenate(seen))
            center = np.array([x0 + x1, y0 + y1]) / 2
            parts += [Part(instance.class_index, p, center) for p in seen if area(p) > smallest]
    return parts


def _meets(box: tuple[float, ...], crop_size: tuple[int, int]) -> bool:
    return box[2] > 0 and box[3] > 0 and box[0] < crop_size[1] and box[1] < crop_size[0]


def random_polygon(rng: np.random.Generator) -> np.ndarray:
    """Inside, across the border, on it or outside of 64 x 48; with repeated points and lines."""
    count = int(rng.integers(1, 12))
    points = rng.uniform(-60, 120, 2) + rng.uniform(-1, 1, (count, 2)) * rng.choice([1, 20, 90])
    if rng.random() < 0.5:
        points = np.round(points / 8) * 8
    if rng.random() < 0.3:
        points = np.repeat(points, rng.integers(1, 3, count), axis=0)
    return points if rng.random() < 0.8 else np.concatenate([points, points[:1]])


def random_instances(rng: np.random.Generator) -> list[Instance]:
    counts = rng.integers(1, 4, int(rng.integers(0, 6)))
    return [
        Instance(k, [random_polygon(rng) for _ in range(count)], k)
        for k, count in enumerate(counts)
    ]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_all_parts_at_once_equal_part_by_part(seed: int, turned: bool) -> None:
    rng = np.random.default_rng(seed)
    instances = random_instances(rng)
    matrix = np.eye(2, 3) if not turned else rng.normal(size=(2, 3))
    got = visible_parts(instances, matrix, (48, 64), smallest=5.0)
    expected = part_by_part(instances, matrix, (48, 64), 5.0)
    assert [part.class_index for part in got] == [part.class_index for part in expected]
    for one, other in zip(got, expected, strict=True):
        assert_allclose(one.points, other.points, atol=1e-9)
        assert_allclose(one.object_center, other.object_center, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 8))
def test_packed_geometry_equals_that_of_single_polygons(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    polygons = [random_polygon(rng) for _ in range(count)]
    points, owner = packed.pack(polygons)
    assert_allclose(packed.areas(points, owner), [area(p) for p in polygons], atol=1e-9)
    boxes = packed.bounding_boxes(points, owner)
    assert_array_equal(boxes, np.array([bounding_box(p) for p in polygons]).reshape(-1, 4))
    clipped = packed.clip_to_box(points, owner, 64, 48)
    _assert_same(clipped, [clip_to_box(p, 64, 48) for p in polygons])
    _assert_same(
        packed.remove_repeated_points(points, owner), map(remove_repeated_points, polygons)
    )


def _assert_same(got: tuple[np.ndarray, np.ndarray], polygons: object) -> None:
    expected = [(k, p) for k, p in enumerate(polygons) if len(p)]  # type: ignore[call-overload]
    assert np.unique(got[1]).tolist() == [number for number, _ in expected]
    for one, (_, other) in zip(packed.unpack(*got), expected, strict=True):
        assert_array_equal(one, other)
