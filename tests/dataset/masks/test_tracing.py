"""Masks to polygons, against an obvious slow version, and filled again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy import ndimage

from dataset.masks.tracing import mask_to_contours, mask_to_rings

# Directions of travel on the grid of pixel corners, x then y: right, down, left, up.
STEPS = ((1, 0), (0, 1), (-1, 0), (0, -1))


def walked_contours(mask: np.ndarray) -> list[np.ndarray]:
    """The slow and obvious `mask_to_contours`: walks around every component pixel by pixel."""
    labels, count = ndimage.label(mask, np.ones((3, 3)))
    return [walk(np.pad(labels == label, 1)) for label in range(1, count + 1)]


def walk(padded: np.ndarray) -> np.ndarray:
    """Once around the single component of a mask with a border of one pixel."""

    def inside(x: int, y: int, heading: int, side: int) -> bool:
        """The pixel ahead of corner (x, y), on the left (-1) or on the right (1)."""
        (dx, dy), (sx, sy) = STEPS[heading], STEPS[(heading + side) % 4]
        return bool(padded[y + (1 + dy + sy) // 2, x + (1 + dx + sx) // 2])

    y, x = (int(value) for value in np.argwhere(padded[1:, 1:])[0])
    start, heading = (x, y), 0
    corners = [start]
    while True:
        x, y = x + STEPS[heading][0], y + STEPS[heading][1]
        if (x, y) == start and heading == 3:
            return np.array(corners, np.float64)
        # Left also across a corner, which makes the component 8-connected.
        left = inside(x, y, heading, -1)
        turn = -1 if left else (0 if inside(x, y, heading, 1) else 1)
        if turn:
            corners.append((x, y))
            heading = (heading + turn) % 4


def winding_numbers(rings: list[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    """How often rings on the pixel grid run clockwise around every pixel, (H, W) int."""
    winding = np.zeros(shape, int)
    for ring in rings:
        for (x0, y0), (x1, y1) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
            if x0 == x1:
                low, high = int(min(y0, y1)), int(max(y0, y1))
                winding[low:high, int(x0) :] += 1 if y1 < y0 else -1
    return winding


def noisy_mask(seed: int, height: int, width: int, smooth: float) -> np.ndarray:
    """Anything: holes, islands in holes, pixels that touch at corners."""
    rng = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(rng.normal(size=(height, width)), smooth)
    return noise > rng.normal() * noise.std() / 2


noisy_masks = st.builds(
    noisy_mask,
    st.integers(0, 10**6),
    st.integers(1, 24),
    st.integers(1, 24),
    st.sampled_from([0.0, 0.7, 1.5]),
)


def test_single_pixel_is_its_square() -> None:
    mask = np.zeros((3, 4), dtype=bool)
    mask[1, 2] = True
    assert_array_equal(mask_to_contours(mask), [[[2, 1], [3, 1], [3, 2], [2, 2]]])


def test_pixels_that_touch_at_a_corner_are_one_component() -> None:
    """Two diagonal neighbours: one outline, which passes the shared corner twice."""
    (contour,) = mask_to_contours(np.eye(2))
    assert_array_equal(contour, [[0, 0], [1, 0], [1, 1], [2, 1], [2, 2], [1, 2], [1, 1], [0, 1]])


def test_components_come_apart_and_holes_are_filled() -> None:
    mask = np.zeros((8, 12), dtype=bool)
    mask[1:6, 1:6] = True
    mask[3, 3] = False
    mask[2:4, 8:11] = True
    first, second = mask_to_contours(mask)
    assert_array_equal(first, [[1, 1], [6, 1], [6, 6], [1, 6]])
    assert_array_equal(second, [[8, 2], [11, 2], [11, 4], [8, 4]])


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (5, 0)])
def test_a_mask_without_pixels_has_no_outline(shape: tuple[int, int]) -> None:
    assert mask_to_contours(np.zeros(shape)) == []
    assert mask_to_rings(np.zeros(shape)) == []


@pytest.mark.parametrize("trace", [mask_to_contours, mask_to_rings])
def test_other_dimensions_are_refused(trace: Callable[[np.ndarray], object]) -> None:
    with pytest.raises(ValueError, match="two dimensions"):
        trace(np.zeros((1, 2, 3)))


def assert_same_contours(mask: np.ndarray) -> None:
    expected = walked_contours(mask)
    for layout in (mask, np.asfortranarray(mask), np.repeat(mask, 2, axis=1)[:, ::2]):
        contours = mask_to_contours(layout)
        assert len(contours) == len(expected)
        for contour, other in zip(contours, expected, strict=True):
            assert_array_equal(contour, other)


def test_all_masks_of_3_by_4_pixels_are_as_walked() -> None:
    """All 4096 of them, vertex by vertex and in reading order of their components."""
    for bits in range(2**12):
        assert_same_contours((bits >> np.arange(12) & 1).astype(bool).reshape(3, 4))


@settings(max_examples=300, deadline=None)
@given(noisy_masks)
def test_larger_masks_are_as_walked(mask: np.ndarray) -> None:
    assert_same_contours(mask)


def test_rings_of_a_component_with_a_hole_and_an_island_in_it() -> None:
    """A frame of 7 x 6 pixels around a hole of 5 x 4 around one pixel."""
    mask = np.zeros((8, 10), np.uint8)
    mask[1:7, 2:9] = 1
    mask[2:6, 3:8] = 0
    mask[3, 5] = 1
    (frame, holes), (island, none) = mask_to_rings(mask)
    assert_array_equal(frame, [[2, 1], [9, 1], [9, 7], [2, 7]])
    assert_array_equal(holes, [[[3, 2], [3, 6], [8, 6], [8, 2]]])
    assert_array_equal(island, [[5, 3], [6, 3], [6, 4], [5, 4]])
    assert none == []


def test_background_that_touches_at_a_corner_is_two_holes() -> None:
    """Holes are 4-connected where components are 8-connected."""
    mask = np.ones((4, 4), bool)
    mask[1, 1] = mask[2, 2] = False
    ((_, holes),) = mask_to_rings(mask)
    assert_array_equal(holes, [[[1, 1], [1, 2], [2, 2], [2, 1]], [[2, 2], [2, 3], [3, 3], [3, 2]]])


@settings(max_examples=300, deadline=None)
@given(noisy_masks)
def test_rings_filled_again_are_exactly_the_mask(mask: np.ndarray) -> None:
    """The winding number is 1 inside and 0 outside: both filling rules give the mask."""
    components = mask_to_rings(mask)
    rings = [ring for outer, holes in components for ring in (outer, *holes)]
    assert_array_equal(winding_numbers(rings, mask.shape), mask.astype(int))


@settings(max_examples=200, deadline=None)
@given(noisy_masks)
def test_every_component_comes_with_its_own_holes(mask: np.ndarray) -> None:
    components = mask_to_rings(mask)
    labels, count = ndimage.label(mask, np.ones((3, 3)))
    assert len(components) == count
    for number, (outer, holes) in enumerate(components, start=1):
        winding = winding_numbers([outer, *holes], mask.shape)
        assert_array_equal(winding, labels == number)
    for (outer, _), contour in zip(components, mask_to_contours(mask), strict=True):
        assert_array_equal(outer, contour)
