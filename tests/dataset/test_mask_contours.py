"""Masks to polygons and back, and run-length encoded masks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from pycocotools import mask as coco_mask
from scipy import ndimage

from dataset.mask_contours import mask_to_contours
from dataset.rle import decode_mask, run_lengths


def rasterize(contours: list[np.ndarray], height: int, width: int) -> np.ndarray:
    encoded = coco_mask.frPyObjects([c.ravel().tolist() for c in contours], height, width)
    return coco_mask.decode(coco_mask.merge(encoded)).astype(bool)


def random_mask(seed: int, height: int, width: int, smooth: float) -> np.ndarray:
    """Blobs without holes, from single pixels to large regions."""
    noise = np.random.default_rng(seed).normal(size=(height, width))
    mask = ndimage.gaussian_filter(noise, smooth) > 0
    return ndimage.binary_fill_holes(mask, np.ones((3, 3)) if smooth == 0 else None)


masks = st.builds(
    random_mask,
    st.integers(0, 10**6),
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from([0.0, 1.0, 2.5]),
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


@pytest.mark.parametrize("value", [True, False])
def test_full_and_empty_masks(value: bool) -> None:
    contours = mask_to_contours(np.full((5, 7), value))
    assert len(contours) == int(value)


def test_other_dimensions_are_refused() -> None:
    with pytest.raises(ValueError, match="two dimensions"):
        mask_to_contours(np.zeros((1, 2, 3)))


@settings(max_examples=150, deadline=None)
@given(masks)
def test_rasterised_again_gives_the_mask(mask: np.ndarray) -> None:
    """Holes apart, the outline lies exactly on the pixel edges: IoU >= 0.99 with pycocotools."""
    filled = ndimage.binary_fill_holes(mask)
    contours = mask_to_contours(filled)
    assert len(contours) == ndimage.label(filled, np.ones((3, 3)))[1]
    if filled.any():
        again = rasterize(contours, *filled.shape)
        assert (again & filled).sum() >= 0.99 * (again | filled).sum()


@settings(max_examples=100, deadline=None)
@given(masks)
def test_both_forms_of_run_lengths_decode_as_pycocotools(mask: np.ndarray) -> None:
    height, width = mask.shape
    compressed = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"]
    lengths = run_lengths(compressed, height, width)
    assert_array_equal(decode_mask(lengths, height, width), mask)
    assert_array_equal(run_lengths(compressed.decode(), height, width), lengths)
    assert_array_equal(run_lengths(lengths.tolist(), height, width), lengths)


@pytest.mark.parametrize(
    "counts",
    [[3, 4], [7, -1], [2.0, 4.0], ["6"], "", "P", "\x00", "é", "ooooooooooooooooo0", 6, None],
)
def test_malformed_run_lengths_are_refused(counts: object) -> None:
    """For a mask of 2 x 3 pixels none of these is a valid encoding."""
    with pytest.raises(ValueError, match=r"run lengths|ascii"):
        run_lengths(counts, 2, 3)  # type: ignore[arg-type]
