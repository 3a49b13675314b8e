"""Soft masks of contours: exact in the limit, by hand, and moved by their gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.ops import rasterize_polygons, soft_rasterize

SQUARE = torch.tensor([[[10.0, 20.0], [18.0, 20.0], [18.0, 24.0], [10.0, 24.0]]])


def test_values_by_hand() -> None:
    """A box of 16 x 8 pixels on 4 x 8 cells of 2 x 2 pixels; distances are cells."""
    boxes = torch.tensor([[6.0, 18.0, 22.0, 26.0]])
    found = soft_rasterize(SQUARE, boxes, (4, 8), softness=0.5)[0]
    sigmoid = lambda x: torch.tensor(x).sigmoid().item()  # noqa: E731
    # Inside are columns 2 to 5 and rows 1 and 2; all inner centres are half a cell off a side.
    assert found[1, 2].item() == pytest.approx(sigmoid(0.5 / 0.5))
    assert found[0, 3].item() == pytest.approx(sigmoid(-0.5 / 0.5))
    assert found[1, 0].item() == pytest.approx(sigmoid(-1.5 / 0.5))
    assert (found > 0.5).nonzero().tolist() == [[y, x] for y in (1, 2) for x in (2, 3, 4, 5)]


def test_cells_need_not_be_square() -> None:
    """The same rectangle in a box of its own shape is a centred one, whatever its sides."""
    boxes = torch.tensor([[6.0, 18.0, 22.0, 26.0]])
    found = soft_rasterize(SQUARE, boxes, (12, 12))
    unit = torch.tensor([[[3.0, 3.0], [9.0, 3.0], [9.0, 9.0], [3.0, 9.0]]])
    expected = soft_rasterize(unit, torch.tensor([[0.0, 0.0, 12.0, 12.0]]), (12, 12))
    torch.testing.assert_close(found, expected)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_exact_in_the_limit(seed: int) -> None:
    """Away from the boundary equal to the masks of the COCO tools, which round to a fifth pixel:
    polygons that cross themselves, repeat vertices, have no area, or lie far away."""
    rng = np.random.default_rng(seed)
    count, vertices, size = 12, int(rng.integers(3, 20)), 24
    contours = rng.uniform(-8, 32, (count, vertices, 2))
    contours[1] = np.round(contours[1])
    contours[2, ::2] = contours[2, :1]
    contours[3] = contours[3, :1]
    contours[4] += 1000
    contours[5, :, 1] = contours[5, 0, 1]
    exact = rasterize_polygons(contours, size, size).bool()
    boxes = torch.tensor([[0.0, 0.0, size, size]], dtype=torch.float64).repeat(count, 1)
    soft = soft_rasterize(torch.from_numpy(contours), boxes, (size, size), softness=1e-3)
    wide = soft_rasterize(torch.from_numpy(contours), boxes, (size, size), softness=1.0)
    clear = (wide.logit().abs() > 0.75) & wide.logit().isfinite()
    assert torch.equal(soft[clear].round().bool(), exact[clear])
    assert ((soft[clear] < 1e-6) | (soft[clear] > 1 - 1e-6)).all()
    assert clear[[3, 4]].sum() > 0


@pytest.mark.parametrize("softness", [0.5, 1.0, 2.0])
def test_gradients_equal_finite_differences(softness: float) -> None:
    generator = torch.Generator().manual_seed(1)
    contours = torch.rand(3, 9, 2, generator=generator, dtype=torch.float64) * 30
    boxes = torch.tensor([[0.0, 0, 30, 30], [-5, 5, 20, 40], [8, 8, 22, 11]]).double()
    arguments = (contours.requires_grad_(), boxes, (6, 5), softness)
    assert torch.autograd.gradcheck(soft_rasterize, arguments)


def test_gradient_descent_on_a_mask_brings_a_contour_back() -> None:
    angles = torch.arange(48) * (2 * torch.pi / 48)
    label = 50 + 20 * torch.stack([angles.cos(), 0.6 * angles.sin()], dim=1)[None]
    boxes = torch.tensor([[25.0, 33.0, 75.0, 67.0]])
    target = soft_rasterize(label, boxes, (32, 32))
    moved = (label + torch.tensor([3.0, -2.0])).requires_grad_()
    optimizer = torch.optim.Adam([moved], lr=0.1)
    for _ in range(150):
        optimizer.zero_grad()
        (soft_rasterize(moved, boxes, (32, 32)) - target).square().sum().backward()
        optimizer.step()
    exact = rasterize_polygons(torch.cat([label, moved.detach()]) * 4, 400, 400).bool()
    iou = (exact[0] & exact[1]).sum() / (exact[0] | exact[1]).sum()
    assert iou > 0.99


def test_no_contours() -> None:
    found = soft_rasterize(torch.zeros(0, 8, 2), torch.zeros(0, 4), (3, 5))
    assert found.shape == (0, 3, 5)


@pytest.mark.parametrize("softness", [0.0, -1.0, float("nan")])
def test_a_softness_must_be_positive(softness: float) -> None:
    with pytest.raises(ValueError, match="softness"):
        soft_rasterize(SQUARE, torch.ones(1, 4), (3, 3), softness)


def test_every_contour_needs_its_box() -> None:
    with pytest.raises(ValueError, match=r"\(1, 4\)"):
        soft_rasterize(SQUARE, torch.ones(2, 4), (3, 3))
