"""Traced outlines without steps: slopes are straight, corners stay, no pixel is lost."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from dataset.masks.smooth_rings import smooth_ring
from dataset.masks.tracing import mask_to_rings
from lib.polygons.geometry import area, signed_area


def filled(mask: np.ndarray) -> np.ndarray:
    """Which pixel centres lie inside of the smoothed outlines of a mask, by the even-odd rule."""
    rows, columns = np.mgrid[: mask.shape[0], : mask.shape[1]] + 0.5
    inside = np.zeros(mask.shape, bool)
    for outer, holes in mask_to_rings(mask):
        for ring in (outer, *holes):
            for (x0, y0), (x1, y1) in zip(s := smooth_ring(ring), np.roll(s, -1, 0), strict=True):
                spans = (y0 > rows) != (y1 > rows)
                at = x0 + (rows - y0) * (x1 - x0) / (y1 - y0 if y1 != y0 else 1.0)
                inside ^= spans & (columns < at)
    return inside


@given(hnp.arrays(bool, st.tuples(st.integers(1, 7), st.integers(1, 7))))
def test_between_the_same_pixel_centres(mask: np.ndarray) -> None:
    assert np.array_equal(filled(mask), mask)


@given(hnp.arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_the_outline_moves_by_half_a_pixel_at_most(mask: np.ndarray) -> None:
    for outer, holes in mask_to_rings(mask):
        for ring in (outer, *holes):
            smooth = smooth_ring(ring)
            assert len(smooth) >= 3
            assert np.sign(signed_area(smooth)) == np.sign(signed_area(ring))
            for x, y in smooth:
                starts, ends = ring, np.roll(ring, -1, axis=0)
                low, high = np.minimum(starts, ends), np.maximum(starts, ends)
                away = np.abs([x, y] - np.clip([x, y], low, high)).max(axis=1)
                assert away.min() == 0  # vertices lie on the outline


@pytest.mark.parametrize("steep", [False, True])
@pytest.mark.parametrize("run", [1, 2, 5])
def test_a_slope_is_a_line(run: int, steep: bool) -> None:
    """Below a staircase of equal steps, each so many pixels long and one high, or turned."""
    rows, columns = np.mgrid[:60, :60]
    mask = rows >= columns // run
    ((outer, _),) = mask_to_rings(mask.T if steep else mask)
    smooth = smooth_ring(outer)[:, ::-1] if steep else smooth_ring(outer)
    inner = smooth[(smooth[:, 0] > 6) & (smooth[:, 0] < 54) & (smooth[:, 1] < 59)]
    offset = inner[:, 1] - inner[:, 0] / run
    assert len(inner) > 5 and np.ptp(offset) < 1e-9


def test_corners_of_a_box_stay() -> None:
    mask = np.zeros((20, 30), bool)
    mask[3:15, 4:28] = True
    ((outer, _),) = mask_to_rings(mask)
    assert np.array_equal(smooth_ring(outer), [[4, 3], [28, 3], [28, 15], [4, 15]])
    one = np.ones((1, 1), bool)
    assert np.array_equal(smooth_ring(mask_to_rings(one)[0][0]), [[0, 0], [1, 0], [1, 1], [0, 1]])


def test_a_disc_is_rounder_and_as_large() -> None:
    """Vertices of a traced disc lie up to 0.7 pixels off its circle, those without steps half."""
    mask = cv2.circle(np.zeros((101, 101), np.uint8), (50, 50), 40, 1, -1)
    ((outer, _),) = mask_to_rings(mask)
    smooth = smooth_ring(outer)
    spread = [np.ptp(np.hypot(*(ring - 50.5).T)) for ring in (outer, smooth)]
    assert spread[1] < 0.75 * spread[0]
    assert area(smooth) == pytest.approx(mask.sum(), rel=0.005)
