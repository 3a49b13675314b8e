"""What a crop shows: all parts at once, as the geometry of single polygons gives it."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from odd_polygons import random_polygon

from dataset.loading.sample import Instance
from dataset.masks.visible_parts import visible_parts
from lib.polygons.geometry import (
    area,
    bounding_box,
    clip_to_box,
    remove_repeated_points,
    transform_points,
)

Part = tuple[int, np.ndarray, np.ndarray]  # class, polygon, centre of the object


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
            parts += [(instance.class_index, p, center) for p in seen if area(p) > smallest]
    return parts


def _meets(box: tuple[float, ...], crop_size: tuple[int, int]) -> bool:
    return box[2] > 0 and box[3] > 0 and box[0] < crop_size[1] and box[1] < crop_size[0]


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
    classes, polygons, centers, owners = visible_parts(instances, matrix, (48, 64), smallest=5.0)
    expected = part_by_part(instances, matrix, (48, 64), 5.0)
    assert classes.tolist() == [class_index for class_index, _, _ in expected]
    assert [instances[owner].class_index for owner in owners] == classes.tolist()
    assert len(polygons) == len(centers) == len(expected)
    for points, center, (_, other, other_center) in zip(polygons, centers, expected, strict=True):
        assert_allclose(points, other, atol=1e-9)
        assert_allclose(center, other_center, atol=1e-9)
