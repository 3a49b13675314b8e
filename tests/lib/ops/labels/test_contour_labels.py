"""Alignment and key vertices of many contours: equal to the plain versions, by every kernel."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from odd_offsets import BAD_OFFSETS

from lib.ops import align_contours, key_vertices
from lib.ops.labels import reference as label_reference
from lib.ops.library import LIBRARY_PATH
from lib.polygons.geometry import area, remove_repeated_points, simplify_closed
from lib.polygons.ragged import Ragged


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
    assert_array_equal(align_contours(Ragged.pack(contours), vertices, directions), labels)


def test_key_vertices_by_hand() -> None:
    """A square of side 20, two points a side: corners stay, middles of sides are straight and go.

    Vertex 0 is the middle of the bottom side: it is key although it lies on a straight line.
    """
    square = [[10, 20], [20, 20], [20, 10], [20, 0], [10, 0], [0, 0], [0, 10], [0, 20]]
    keys = key_vertices(np.array(square, dtype=np.float32), 3.0)
    assert keys[0]
    assert_array_equal(np.flatnonzero(keys)[1:], [1, 3, 5, 7])


def test_key_vertices_tolerance() -> None:
    """A spike of height 2 on a side is kept at tolerance 1 and dropped at tolerance 3."""
    contour = np.array([[0, 0], [50, -2], [100, 0], [100, 100], [0, 100]], dtype=float)
    assert key_vertices(contour, 1.0).tolist() == [True, True, True, True, True]
    assert key_vertices(contour, 3.0).tolist() == [True, False, True, True, True]


@pytest.mark.parametrize("tolerance", [1e-6, 1.0, 12.0])
@pytest.mark.parametrize("count", [3, 4, 40])
def test_keys_of_contours_that_double_back_equal_one_by_one(count: int, tolerance: float) -> None:
    """Random contours, many of which double back; some whose vertices all lie on one point."""
    contours = np.random.default_rng(count).uniform(0, 50, (60, count, 2))
    contours[5:8] = contours[5:8, :1]
    contours[9, 1:] = contours[9, :1]
    contours[9, 1] += 40  # the farthest vertex is the next one
    expected = [simplify_closed(contour, tolerance) for contour in contours]
    assert_array_equal(key_vertices(contours, tolerance), expected)
    reference = label_reference.key_vertices(torch.from_numpy(contours), tolerance)
    assert_array_equal(reference.numpy(), expected)
    assert key_vertices(contours[:0], tolerance).shape == (0, count)


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


@pytest.mark.parametrize("offsets", BAD_OFFSETS)
def test_offsets_that_lead_astray_are_refused(offsets: list[int]) -> None:
    if not LIBRARY_PATH.exists():
        pytest.skip("no compiled library here; `make ext` builds it")
    points = torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]], dtype=torch.float64)
    rays = torch.from_numpy(label_reference.direction_rays(4))
    with pytest.raises(RuntimeError, match="offsets must"):
        torch.ops.e2ec.align_contours(points, torch.tensor(offsets, dtype=torch.int64), rays, 16)


def test_opcheck() -> None:
    points = torch.from_numpy(random_contour(np.random.default_rng(0)))
    rays = torch.from_numpy(label_reference.direction_rays(4))
    arguments = (points, torch.tensor([0, len(points)]), rays, 16)
    torch.library.opcheck(torch.ops.e2ec.align_contours.default, arguments)
    torch.library.opcheck(torch.ops.e2ec.key_vertices.default, (points[None].clone(), 1.0))
