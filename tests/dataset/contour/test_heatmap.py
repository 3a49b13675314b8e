"""Gaussian centres and key vertices: values worked out by hand, all at once against one by one."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from dataset.contour.heatmap import draw_gaussian, gaussian_radius
from dataset.contour.heatmap_rendering import draw_heatmaps
from dataset.contour.key_vertices import key_vertices
from lib.ops import draw_gaussians
from lib.ops.labels import reference as label_reference
from lib.ops.library import LIBRARY_PATH
from lib.polygons.geometry import simplify_closed


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


def test_gaussian_by_hand() -> None:
    """Radius 1: 3 cells wide, sigma 3 / 6 = 0.5: exp(-1 / 0.5) at the sides, exp(-4) diagonally."""
    heatmap = np.zeros((5, 6), dtype=np.float32)
    draw_gaussian(heatmap, (3, 2), 1.9)
    side, corner = math.exp(-2), math.exp(-4)
    expected = np.zeros((5, 6))
    expected[1:4, 2:5] = [[corner, side, corner], [side, 1, side], [corner, side, corner]]
    assert_allclose(heatmap, expected, rtol=1e-6)


def test_gaussians_combine_by_maximum_and_are_cut_at_the_border() -> None:
    heatmap = np.full((4, 4), 0.5, dtype=np.float32)
    draw_gaussian(heatmap, (0, 3), 2)
    assert heatmap[3, 0] == 1
    assert heatmap.min() == 0.5
    # sigma = 5 / 6; one cell away: exp(-1 / (2 * 25 / 36)) = exp(-0.72) = 0.4868 < 0.5
    assert heatmap[3, 1] == 0.5


def test_radius_below_one_marks_one_cell() -> None:
    heatmap = np.zeros((3, 3), dtype=np.float32)
    draw_gaussian(heatmap, (2, 0), 0.99)
    assert heatmap.sum() == 1 == heatmap[0, 2]


@pytest.mark.parametrize("center", [(-1, 0), (3, 0), (0, 2)])
def test_center_outside_is_refused(center: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="outside"):
        draw_gaussian(np.zeros((2, 3), dtype=np.float32), center, 1)


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
        draw_gaussian(expected[index[k], classes[k]], (int(x[k]), int(y[k])), float(radii[k]))
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
def test_key_vertices_of_many_contours_equal_one_by_one(count: int, tolerance: float) -> None:
    """Random contours, many of which double back; some whose vertices all lie on one point."""
    contours = np.random.default_rng(count).uniform(0, 50, (60, count, 2))
    contours[5:8] = contours[5:8, :1]
    contours[9, 1:] = contours[9, :1]
    contours[9, 1] += 40  # the farthest vertex is the next one
    expected = [simplify_closed(contour, tolerance) for contour in contours]
    assert_array_equal(key_vertices(contours, tolerance), expected)
    assert key_vertices(contours[:0], tolerance).shape == (0, count)


def _draw_with_kernel(heatmaps: torch.Tensor, gaussians: torch.Tensor) -> None:
    draw_gaussians(heatmaps, gaussians)


@pytest.mark.parametrize("cells_at_once", [1, 9 * 14 * 7, 2**24])
@pytest.mark.parametrize("draw", [_draw_with_kernel, label_reference.draw_gaussians])
def test_gaussians_equal_those_drawn_one_by_one(
    draw: Callable[[torch.Tensor, torch.Tensor], None],
    cells_at_once: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also at the border, on top of each other, into maps that hold something already.

    The plain version, which is also a GPU's, takes all at once, some at a time, one by one.
    """
    monkeypatch.setattr(label_reference, "CELLS_AT_ONCE", cells_at_once)
    rng = np.random.default_rng(cells_at_once)
    highs = (5, 14, 9, 21)
    gaussians = np.stack([rng.integers(0, high, 40) for high in highs], axis=1)
    expected = rng.uniform(0, 0.3, (5, 9, 14)).astype(np.float32)
    found = torch.from_numpy(expected.copy())
    for index, x, y, radius in gaussians:
        draw_gaussian(expected[index], (x, y), radius)
    draw(found, torch.from_numpy(gaussians))
    assert_allclose(found, expected, atol=3e-7)
    assert_array_equal(found == 1, expected == 1)
    draw(found, torch.from_numpy(gaussians[:0]))


def test_drawing_of_gaussians_is_a_sound_operator() -> None:
    gaussians = torch.tensor([[1, 2, 3, 4], [0, 0, 0, 1]])
    torch.library.opcheck(torch.ops.e2ec.draw_gaussians.default, (torch.zeros(2, 6, 7), gaussians))


@pytest.mark.parametrize("gaussian", [[6, 0, 0, 1], [0, 30, 0, 1], [0, 0, 20, 1], [0, -1, 0, 1]])
def test_gaussians_outside_of_the_maps_do_no_harm(gaussian: list[int]) -> None:
    if not LIBRARY_PATH.exists():
        pytest.skip("no compiled library here; `make ext` builds it")
    with pytest.raises(RuntimeError, match="outside"):
        draw_gaussians(torch.zeros(6, 20, 30), torch.tensor([gaussian]))
