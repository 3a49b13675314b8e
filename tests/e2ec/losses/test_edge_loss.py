"""Edges of masks, and their weighted cross entropy: by hand and against slow versions."""

from __future__ import annotations

import math

import pytest
import torch
from plain_masks import random_masks
from torch import Tensor

from e2ec.losses.edge import edge_labels, edge_loss


def picture(rows: str) -> Tensor:
    """Rows of # and . as one mask."""
    return torch.tensor([[float(cell == "#") for cell in row] for row in rows.split()])[None]


def test_edges_by_hand() -> None:
    """The object's own pixels beside the background, by their sides: the inner 2 x 2 of a square of
    4 are none, nor is the pixel that meets background only at its corner."""
    mask = picture("...... .####. .####. .####. .####. ......")
    edges = picture("...... .####. .#..#. .#..#. .####. ......")
    assert torch.equal(edge_labels(mask), edges)
    step = picture("###### ###### ####.. ####..")
    assert torch.equal(edge_labels(step), picture("...... ....## ...#.. ...#.."))


def test_a_crop_through_an_object_is_no_edge_and_a_margin_tells() -> None:
    """Whether an object ends at the border of its crop only the next pixel knows."""
    assert edge_labels(torch.ones(2, 5, 5)).sum() == 0
    assert edge_labels(torch.zeros(2, 5, 5)).sum() == 0
    ends = torch.nn.functional.pad(torch.ones(1, 5, 5), (1, 1, 1, 1))
    assert edge_labels(ends)[:, 1:-1, 1:-1].sum() == 16  # the ring of 5 x 5


def test_a_margin_gives_the_edges_of_the_whole_mask() -> None:
    whole = torch.from_numpy(random_masks(6, 40, 40)).float()
    edges = edge_labels(whole)
    crop = edge_labels(whole[:, 9:31, 4:28])[:, 1:-1, 1:-1]
    assert torch.equal(crop, edges[:, 10:30, 5:27])


def test_edges_are_the_slow_version() -> None:
    masks = torch.from_numpy(random_masks(12, 17, 23)) > 0
    expected = torch.zeros(masks.shape)
    for n, y, x in masks.nonzero().tolist():
        for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0)):
            row, column = y + dy, x + dx
            if 0 <= row < 17 and 0 <= column < 23 and not masks[n, row, column]:
                expected[n, y, x] = 1
    assert torch.equal(edge_labels(masks), expected)
    assert torch.equal(edge_labels(masks[:, None]), expected)
    strided = masks.transpose(1, 2).contiguous().transpose(1, 2)
    assert torch.equal(edge_labels(strided), expected)


def test_weights_by_hand() -> None:
    """Logits of 0 cost ln 2 a pixel. 2 of 10 pixels on an edge weigh 1 / ln(1.4) = 2.972, so the
    mean is ln 2 (8 + 2 * 2.972) / 10 = 0.9666. None: ln 2; all: ln 2 / ln 2.2 = 0.8791."""
    edges = torch.zeros(3, 2, 5)
    edges[0, 0, :2] = 1
    edges[2] = 1
    losses = edge_loss(torch.zeros(3, 2, 5), edges, reduction="none")
    by_hand = [
        math.log(2) * (8 + 2 / math.log(1.4)) / 10,
        math.log(2),
        math.log(2) / math.log(2.2),
    ]
    assert losses.tolist() == pytest.approx(by_hand)
    assert losses.tolist() == pytest.approx([0.9666, 0.6931, 0.8791], abs=1e-4)
    assert edge_loss(torch.zeros(3, 2, 5), edges).item() == pytest.approx(sum(by_hand) / 3)


def test_the_loss_is_the_slow_version() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(4, 6, 7, generator=generator, dtype=torch.float64)
    edges = (torch.rand(4, 6, 7, generator=generator) < 0.2).double()
    expected = []
    for mask, label in zip(logits.tolist(), edges.tolist(), strict=True):
        flat = [
            (z, e)
            for row, wanted in zip(mask, label, strict=True)
            for z, e in zip(row, wanted, strict=True)
        ]
        weight = 1 / math.log(1.2 + sum(e for _, e in flat) / len(flat))
        costs = [
            weight * math.log1p(math.exp(-z)) if e else math.log1p(math.exp(z)) for z, e in flat
        ]
        expected.append(sum(costs) / len(costs))
    assert edge_loss(logits, edges, reduction="none").tolist() == pytest.approx(expected, abs=1e-12)
    assert edge_loss(logits[:, None], edges).item() == pytest.approx(sum(expected) / 4)


def test_a_mask_s_loss_does_not_depend_on_the_others() -> None:
    edges = edge_labels(torch.from_numpy(random_masks(5, 28, 28)))
    logits = torch.randn(5, 28, 28, generator=torch.Generator().manual_seed(1))
    together = edge_loss(logits, edges, reduction="none")
    alone = torch.stack([edge_loss(logits[i : i + 1], edges[i : i + 1]) for i in range(5)])
    torch.testing.assert_close(together, alone)


def test_gradcheck_and_float32_under_autocast() -> None:
    edges = edge_labels(torch.from_numpy(random_masks(2, 6, 6)))
    logits = torch.randn(2, 6, 6, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda z: edge_loss(z, edges), (logits.requires_grad_(),))
    half = logits.detach().bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        loss = edge_loss(half, edges)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, edge_loss(half.float(), edges))


def test_nothing_wrong_shapes_and_far_logits() -> None:
    logits = torch.zeros(0, 1, 28, 28, requires_grad=True)
    loss = edge_loss(logits, edge_labels(torch.zeros(0, 28, 28)))
    loss.backward()
    assert loss == 0 and logits.grad is not None
    far = torch.tensor([[[1e4, -1e4]]], requires_grad=True)
    loss = edge_loss(far, torch.tensor([[[0.0, 1.0]]]))
    loss.backward()
    assert loss.isfinite() and far.grad is not None and far.grad.isfinite().all()
    with pytest.raises(ValueError, match="one shape"):
        edge_loss(torch.zeros(2, 4, 4), torch.zeros(2, 4, 5))
    with pytest.raises(ValueError, match="must be"):
        edge_labels(torch.zeros(4, 4))
