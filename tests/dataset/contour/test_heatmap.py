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
    images, channels, height, width, count = 3, 4, 9, 14, 40
    x, y = rng.integers(0, width, count), rng.integers(0, height, count)
    radii = rng.choice([0, 1, 2, 5, 20], count)
    classes, index = rng.integers(0, channels, count), rng.integers(0, images, count)
    expected = np.zeros((images, channels, height, width), dtype=np.float32)
    for k in range(count):
        heatmap = expected[index[k], classes[k]]
        np.maximum(heatmap, plain_gaussian(heatmap.shape, x[k], y[k], radii[k]), out=heatmap)
    heatmaps = draw_heatmaps(
        torch.from_numpy(np.stack([x, y], axis=1)),
        torch.from_numpy(radii),
        torch.from_numpy(classes),
        torch.from_numpy(index),
        images=images,
        size=(channels, height, width),
    )
    assert heatmaps.dtype == torch.float32
    assert_allclose(heatmaps, expected, atol=3e-7)
    assert_array_equal(heatmaps == 1, expected == 1)
    assert_array_equal(heatmaps == 0, expected == 0)


def test_heatmaps_without_objects_are_zero() -> None:
    none = torch.zeros(0, dtype=torch.int64)
    heatmaps = draw_heatmaps(none.view(0, 2), none, none, none, images=2, size=(3, 4, 5))
    assert heatmaps.shape == (2, 3, 4, 5)
    assert not heatmaps.any()
