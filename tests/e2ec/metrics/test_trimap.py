"""Accuracy in a band around boundaries: by hand, and against a slow version."""

from __future__ import annotations

import math

import numpy as np
import pytest
from plain_masks import random_masks

from e2ec.metrics.trimap import WIDTHS, boundary_band, trimap_accuracy, trimap_counts


def half(edge: int) -> np.ndarray:
    """10 x 20 pixels, set from column `edge` on."""
    mask = np.zeros((10, 20), bool)
    mask[:, edge:] = True
    return mask


def slow_band(mask: np.ndarray, width: float) -> np.ndarray:
    places = np.argwhere(np.ones(mask.shape))
    band = np.zeros(mask.shape, bool)
    for y, x in places:
        other = np.argwhere(mask != mask[y, x])
        if len(other):
            band[y, x] = np.hypot(*(other - (y, x)).T).min() - 0.5 < width
    return band


def test_bands_by_hand() -> None:
    """A straight boundary before column 10 has bands of 2, 6 and 16 columns."""
    for width in WIDTHS:
        band = boundary_band(half(10), width)
        assert band.all(0).nonzero()[0].tolist() == list(range(10 - width, 10 + width))
        assert band.sum() == 20 * width


def test_accuracy_by_hand() -> None:
    """Two columns too far to the left: of the bands' 2, 6 and 16 columns 1, 2 and 2 are wrong.
    Nothing found at all: half of each band is background, and right."""
    assert trimap_accuracy([(half(8), half(10))]) == {1: 1 / 2, 3: 4 / 6, 8: 14 / 16}
    nothing = np.zeros((10, 20))
    assert trimap_accuracy([(nothing, half(10))]) == {1: 0.5, 3: 0.5, 8: 0.5}
    assert trimap_accuracy([(half(10), half(10))]) == {1: 1, 3: 1, 8: 1}


def test_objects_are_counted_together() -> None:
    """Pixels count alike, whatever their object: (16 - 2 + 16) / 32 of two equal bands."""
    pairs = [(half(8), half(10)), (half(10), half(10))]
    assert trimap_accuracy(pairs, [8]) == {8: 30 / 32}
    assert trimap_accuracy(iter(pairs), iter([8])) == {8: 30 / 32}


def test_bands_are_the_slow_version() -> None:
    for mask in random_masks(12, 14, 17):
        for width in (1, 1.5, 3, 8):
            assert np.array_equal(boundary_band(mask, width), slow_band(mask, width))


def test_accuracy_is_the_slow_version() -> None:
    masks = random_masks(12, 14, 17)
    right = total = 0
    for predicted, truth in zip(masks[:6], masks[6:], strict=True):
        band = slow_band(truth, 3)
        counts = int((band & (predicted == truth)).sum()), int(band.sum())
        assert trimap_counts(predicted, truth, 3) == counts
        right, total = right + counts[0], total + counts[1]
    assert trimap_accuracy(zip(masks[:6], masks[6:], strict=True), [3]) == {3: right / total}


def test_masks_without_a_boundary() -> None:
    """Full and empty ones, and the border of the image, have no band."""
    full = np.ones((5, 5), np.uint8)
    assert trimap_counts(full, full, 3) == (0, 0)
    assert trimap_counts(full, np.zeros((5, 5)), 3) == (0, 0)
    assert all(math.isnan(value) for value in trimap_accuracy([]).values())
    with pytest.raises(ValueError, match="must both be"):
        trimap_counts(full, full[:4], 1)
