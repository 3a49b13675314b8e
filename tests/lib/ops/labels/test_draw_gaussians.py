"""Gaussians in heat maps: worked out by hand, and all at once against one by one."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from plain_gaussian import plain_gaussian

from lib.ops import draw_gaussians
from lib.ops.labels import reference
from lib.ops.library import LIBRARY_PATH

Draw = Callable[[torch.Tensor, torch.Tensor], None]
KERNELS = [
    pytest.param(lambda maps, gaussians: draw_gaussians(maps, gaussians), id="in use"),
    pytest.param(reference.draw_gaussians, id="reference"),
]


@pytest.mark.parametrize("draw", KERNELS)
def test_gaussian_by_hand(draw: Draw) -> None:
    """Radius 1: 3 cells wide, sigma 3 / 6 = 0.5: exp(-1 / 0.5) at the sides, exp(-4) diagonally."""
    heatmap = torch.zeros(1, 5, 6)
    draw(heatmap, torch.tensor([[0, 3, 2, 1]]))
    side, corner = math.exp(-2), math.exp(-4)
    expected = np.zeros((5, 6))
    expected[1:4, 2:5] = [[corner, side, corner], [side, 1, side], [corner, side, corner]]
    assert_allclose(heatmap[0], expected, rtol=1e-6)


@pytest.mark.parametrize("cells_at_once", [1, 9 * 14 * 7, 2**24])
@pytest.mark.parametrize("draw", KERNELS)
def test_gaussians_equal_those_drawn_one_by_one(
    draw: Draw, cells_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also at the border, on top of each other, into maps that hold something already.

    The plain version, which is also a GPU's, takes all at once, some at a time, one by one.
    """
    monkeypatch.setattr(reference, "CELLS_AT_ONCE", cells_at_once)
    rng = np.random.default_rng(cells_at_once)
    highs = (5, 14, 9, 21)
    gaussians = np.stack([rng.integers(0, high, 40) for high in highs], axis=1)
    expected = rng.uniform(0, 0.3, (5, 9, 14)).astype(np.float32)
    found = torch.from_numpy(expected.copy())
    for index, x, y, radius in gaussians:
        gaussian = plain_gaussian((9, 14), x, y, radius)
        np.maximum(expected[index], gaussian, out=expected[index])
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


def test_heat_maps_that_are_not_contiguous_are_refused() -> None:
    gaussians = torch.tensor([[0, 2, 3, 1]])
    with pytest.raises(ValueError, match="contiguous"):
        draw_gaussians(torch.zeros(2, 6, 7).mT, gaussians)
