"""Centres on heat maps: the radius worked out by hand, all of a batch against one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from plain_gaussian import plain_gaussian

from dataset.contour.heatmap import draw_heatmaps, gaussian_radius


def test_radius_by_hand() -> None:
    """Box 10 x 10, overlap 0.7.

    r1: b = 20, c = 100 * 0.3 / 1.7 = 17.647: (20 + sqrt(400 - 70.588)) / 2 = 19.0749
    r2: b = 40, a = 4, c = 30: (40 + sqrt(1600 - 480)) / 2 = 36.7332
    r3: a = 2.8, b = -28, c = -30: (-28 + sqrt(784 + 336)) / 2 = 2.7332, the smallest.
    """
    assert gaussian_radius(10, 10) == pytest.approx((-28 + math.sqrt(1120)) / 2)
    assert gaussian_radius(10, 10) == pytest.approx(2.7332, abs=1e-4)


def test_radius_of_an_empty_box_is_zero() -> None:
    assert gaussian_radius(0, 0) == 0


@pytest.mark.parametrize("seed", range(8))
def test_heatmaps_of_a_batch_equal_gaussians_drawn_one_by_one(seed: int) -> None:
    """Also cut at every border, wider than the map, on top of each other, of radius 0."""
    rng = np.random.default_rng(seed)
    shape, count = (3, 4, 9, 14), 40
    index, classes, y, x = (rng.integers(0, high, count) for high in shape)
    gaussians = np.column_stack([index, classes, x, y, rng.choice([0, 1, 2, 5, 20], count)])
    expected = np.zeros(shape, dtype=np.float32)
    for image, channel, *gaussian in gaussians:
        heatmap = expected[image, channel]
        np.maximum(heatmap, plain_gaussian(heatmap.shape, *gaussian), out=heatmap)
    heatmaps = draw_heatmaps(torch.from_numpy(gaussians), shape[0], shape[1:])
    assert heatmaps.dtype == torch.float32
    assert_allclose(heatmaps, expected, atol=3e-7)
    assert_array_equal(heatmaps == 1, expected == 1)
    assert_array_equal(heatmaps == 0, expected == 0)
    assert not draw_heatmaps(torch.from_numpy(gaussians[:0]), 2, (3, 4, 5)).any()
