"""What of an object lies in the cells of a box and just beyond them."""

from __future__ import annotations

import pytest

pytest.importorskip("torchvision", reason="the mask family needs torchvision: make mask")

import torch

from e2ec.losses.edge import edge_labels
from network.mask.margin import masks_with_margin, with_margin

ALL_SIDES = 28 * 4 - 4


def test_a_margin_is_a_cell_wide() -> None:
    assert with_margin(torch.tensor([[0.0, 0, 28, 56]])).tolist() == [[-1, -2, 29, 58]]


@pytest.mark.parametrize("side", [12, 16, 20, 27, 28, 32, 80])
@pytest.mark.parametrize("place", ["inside", "first corner", "last corner"])
def test_a_rectangle_in_its_box_has_edges_on_all_sides(side: int, place: str) -> None:
    """Also where a cell is narrower than a pixel (half a one rounds the corners off); the image's
    border is an edge too, whether the input goes on there or not."""
    low = {"inside": 7, "first corner": 0, "last corner": 100 - side}[place]
    masks = torch.zeros(1, 100, 100, dtype=torch.uint8)
    masks[0, low : low + side, low : low + side] = 1
    box = torch.tensor([[low, low, low + side, low + side]], dtype=torch.float32)
    for seen in (masks, torch.nn.functional.pad(masks, (0, 28, 0, 28))):
        shares = masks_with_margin(seen, box, torch.zeros(1, dtype=torch.int64), 28)
        edges = edge_labels(shares)[:, 1:-1, 1:-1]
        assert edges.sum() == ALL_SIDES and not edges[0, 1:-1, 1:-1].any()


def test_a_box_that_cuts_an_object_has_no_edge_there() -> None:
    """It reaches over the left half of a square, and five pixels beyond it on three sides."""
    masks = torch.zeros(2, 60, 60, dtype=torch.uint8)
    masks[1, 15:45, 15:45] = 1
    box = torch.tensor([[10.0, 10, 30, 50]])
    edges = edge_labels(masks_with_margin(masks, box, torch.ones(1, dtype=torch.int64), 28))
    inner = edges[0, 1:-1, 1:-1]
    assert not inner[:, -1].sum() > 2 and inner.sum() > 28
    nothing = masks_with_margin(masks, box, torch.zeros(1, dtype=torch.int64), 28)
    assert nothing.shape == (1, 30, 30) and not nothing.any()


def test_no_boxes() -> None:
    masks = torch.zeros(1, 20, 20, dtype=torch.uint8)
    none = masks_with_margin(masks, torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), 28)
    assert none.shape == (0, 30, 30)
