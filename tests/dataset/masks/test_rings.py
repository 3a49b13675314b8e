"""Rings joined into one polygon, and taken apart again."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy import ndimage

from dataset.masks.rasterize import components_to_mask, polygons_to_mask
from dataset.masks.rings import Component, join_rings, split_rings
from dataset.masks.tracing import mask_to_rings


def square(x: float, y: float, side: float) -> np.ndarray:
    return np.array([[x, y], [x + side, y], [x + side, y + side], [x, y + side]])


def test_two_parts_by_hand() -> None:
    """The path walks to the vertex next to the second square, around it, and back."""
    joined = join_rings([(square(0, 0, 2), []), (square(3, 0, 2), [])])
    expected = [[0, 0], [2, 0], [3, 0], [5, 0], [5, 2], [3, 2], [3, 0], [2, 0], [2, 2], [0, 2]]
    assert_array_equal(joined, expected)
    (first, no_holes), (second, _) = split_rings(joined)
    assert_array_equal(first, square(0, 0, 2))
    assert_array_equal(second, square(3, 0, 2))
    assert no_holes == []


def test_a_hole_and_a_part_inside_of_another_are_told_apart() -> None:
    """By their direction: a hole runs against the ring around it."""
    (outer, holes), (inner, _) = split_rings(
        join_rings([(square(0, 0, 9), [square(1, 1, 3)]), (square(5, 5, 3), [])])
    )
    assert_array_equal(outer, square(0, 0, 9))
    assert_array_equal(inner, square(5, 5, 3))
    assert_array_equal(sorted(holes[0].tolist()), sorted(square(1, 1, 3).tolist()))


def test_parts_with_a_common_edge_stay_apart() -> None:
    """Their common edge is walked both ways, as a bridge is; a vertex in its middle tells."""
    parts: list[Component] = [(square(0, 0, 2), []), (square(2, 0, 2), []), (square(0, 2, 2), [])]
    assert len(split_rings(join_rings(parts))) == 3


def test_a_polygon_without_bridges_is_itself() -> None:
    polygon = np.array([[0.5, 0], [4, 0], [4, 0], [4, 3]])
    ((outer, holes),) = split_rings(polygon)
    assert_array_equal(outer, polygon[[0, 1, 3]])
    assert holes == []


def test_a_spike_is_no_ring() -> None:
    ((outer, _),) = split_rings(np.array([[0, 0], [4, 0], [9, 0], [4, 0], [4, 4], [0, 4.0]]))
    assert_array_equal(outer, square(0, 0, 4))


def test_nothing_but_a_line_there_and_back() -> None:
    ((outer, _),) = split_rings(np.array([[0, 0], [4, 0], [9, 0], [4, 0.0]]))
    assert len(outer) == 4


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 40), st.sampled_from([0.0, 1.0, 2.0])
)
def test_any_mask_survives_division_by_the_size_of_the_image(
    seed: int, height: int, width: int, smooth: float
) -> None:
    """Parts in holes of parts, pixels that touch at corners, noise: the mask is the same."""
    noise = np.random.default_rng(seed).normal(size=(height, width))
    mask = ndimage.gaussian_filter(noise, smooth) > 0
    if not mask.any():
        return
    components = mask_to_rings(mask)
    found = split_rings(join_rings(components) / [width, height])
    assert sorted(len(holes) for _, holes in found) == sorted(len(h) for _, h in components)
    again: list[Component] = [
        (outer * [width, height], [hole * [width, height] for hole in holes])
        for outer, holes in found
    ]
    assert_array_equal(components_to_mask(again, height, width), mask)


def test_one_polygon_is_what_other_tools_see() -> None:
    """Filled by itself, as tools do that know of no bridges, it covers parts without holes."""
    mask = np.zeros((30, 30), bool)
    mask[3:20, 4:20] = True
    mask[6:12, 7:15] = False
    mask[24:28, 22:29] = True
    assert_array_equal(polygons_to_mask([join_rings(mask_to_rings(mask))], 30, 30), mask)
