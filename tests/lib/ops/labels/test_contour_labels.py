"""Alignment and key vertices of many contours: equal to the plain versions, by every kernel."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from lib.ops import align_contours, key_vertices
from lib.ops.labels import reference as label_reference
from lib.ops.library import LIBRARY_PATH
from lib.polygons.geometry import area, remove_repeated_points, simplify_closed


def random_contour(rng: np.random.Generator) -> np.ndarray:
    """A star, a wound band, or points in any order (also on whole numbers, or repeated)."""
    kind, count = int(rng.integers(5)), int(rng.integers(3, 60))
    angle = np.sort(rng.uniform(0, 2 * np.pi, count))
    if kind < 2:
        radius = rng.uniform(10, 90, count)
        points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
        return points + rng.uniform(0, 500, 2) if kind else np.round(points)
    if kind == 2:
        angle = angle * rng.uniform(0.3, 3)
        band = (20 + 10 * angle)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        return np.concatenate([band, 1.2 * band[::-1]])
    points = rng.uniform(0, 50, (count, 2))
    return points if kind == 3 else np.repeat(np.round(points / 10), 2, axis=0)


def random_contours(seed: int) -> list[np.ndarray]:
    contours = (random_contour(np.random.default_rng([seed, k])) for k in range(12))
    return [c for c in contours if len(remove_repeated_points(c)) >= 3 and area(c) > 0.1]


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.sampled_from([0, 1, 2, 3, 4, 8, 16]), st.sampled_from([16, 128])
)
def test_alignment_equals_one_by_one(seed: int, directions: int, vertices: int) -> None:
    contours = random_contours(seed)
    labels = align_contours(contours, vertices, directions)
    assert labels.shape == (len(contours), vertices, 2)
    for label, points in zip(labels, contours, strict=True):
        expected = label_reference.align_contour(points, vertices, directions)
        assert_allclose(label, expected, rtol=0, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 1.0, 12.0]))
def test_keys_equal_one_by_one(seed: int, tolerance: float) -> None:
    contours = align_contours(random_contours(seed), 64, 4)
    contours[:1] = contours[:1, :1]  # all vertices on one point
    keys = key_vertices(contours, tolerance)
    expected = label_reference.key_vertices(torch.from_numpy(contours), tolerance)
    assert_array_equal(keys, expected.numpy())
    for kept, contour in zip(keys, contours, strict=True):
        if tolerance:  # at 0 the last bit decides, and there are two ways to compute it
            assert_array_equal(kept, simplify_closed(contour, tolerance))


def test_nothing_in_nothing_out() -> None:
    assert align_contours([], 16, 4).shape == (0, 16, 2)
    assert key_vertices(np.zeros((0, 16, 2)), 1.0).shape == (0, 16)
    assert key_vertices(np.zeros((2, 3, 16, 2), np.float32), 1.0).shape == (2, 3, 16)


def test_what_cannot_be_aligned_is_refused() -> None:
    triangle = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    line = np.array([[0.0, 0.0], [1.0, 1.0], [1.0, 1.0]])
    with pytest.raises(ValueError, match="three distinct"):
        align_contours([triangle, line], 16, 4)
    with pytest.raises(ValueError, match="not finite"):
        align_contours([triangle, triangle * np.nan], 16, 4)
    for vertices, directions in ((2, 1), (8, 9), (8, -1)):
        with pytest.raises(ValueError, match="directions"):
            align_contours([triangle], vertices, directions)


def test_lengths_whose_sum_wraps_around_are_refused() -> None:
    if not LIBRARY_PATH.exists():
        pytest.skip("no compiled library here; `make ext` builds it")
    points = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]], dtype=torch.float64)
    rays = torch.from_numpy(label_reference.direction_rays(4))
    lengths = torch.tensor([2**62, 2**62, 2**62, 2**62 + 3])  # 3 in 64 bits
    with pytest.raises(RuntimeError):
        torch.ops.e2ec.align_contours(points, lengths, rays, 16)


def test_opcheck() -> None:
    points = torch.from_numpy(random_contour(np.random.default_rng(0)))
    rays = torch.from_numpy(label_reference.direction_rays(4))
    arguments = (points, torch.tensor([len(points)]), rays, 16)
    torch.library.opcheck(torch.ops.e2ec.align_contours.default, arguments)
    torch.library.opcheck(torch.ops.e2ec.key_vertices.default, (points[None].clone(), 1.0))
