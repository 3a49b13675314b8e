"""Boundary labels and losses of the boundary-preserving mask head, worked out by hand."""

from __future__ import annotations

import math
from typing import get_args

import cv2
import numpy as np
import pytest
import torch
from plain_masks import random_masks

from e2ec.losses import dice_loss
from e2ec.losses.mask_boundary import (
    BoundaryLoss,
    boundary_head_loss,
    laplacian_boundaries,
    mask_boundary_loss,
)
from e2ec.losses.mask_pairs import logits_of_classes

KINDS = get_args(BoundaryLoss)
ALL = pytest.mark.parametrize("kind", KINDS)


def drawn(*rows: str) -> torch.Tensor:
    return torch.tensor([[cell == "#" for cell in row] for row in rows])[None]


def test_boundaries_by_hand() -> None:
    """Inside of the mask, one pixel thick; at the border of the box too; holes have one; a slanted
    side is not two thick: the pixel at (3, 2) has only diagonal neighbours outside."""
    mask = drawn(
        "..####..",
        ".######.",
        "########",
        "###..###",
        "########",
        "########",
        "........",
        ".#......",
    )
    expected = drawn(
        "..####..",
        ".#....#.",
        "#..##..#",
        "#.#..#.#",
        "#..##..#",
        "########",
        "........",
        ".#......",
    )
    assert laplacian_boundaries(mask).tolist() == expected.tolist()


def test_full_and_empty_masks() -> None:
    """A mask that fills its box has its boundary along the border: 4 * 27 of 28 x 28 pixels."""
    found = laplacian_boundaries(torch.stack([torch.ones(28, 28), torch.zeros(28, 28)]))
    assert found.dtype == torch.bool and found.sum(dim=(1, 2)).tolist() == [108, 0]
    assert not found[0, 1:-1, 1:-1].any()


def test_boundaries_are_masks_less_their_erosion_by_a_cross() -> None:
    """Against OpenCV's, of 300 random masks; and its Laplacian, which has the other sign."""
    masks = random_masks(300, 28, 28)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    for mask, found in zip(masks, laplacian_boundaries(torch.from_numpy(masks)), strict=True):
        eroded = cv2.erode(mask, cross, borderType=cv2.BORDER_CONSTANT, borderValue=0)
        np.testing.assert_array_equal(found, (mask - eroded) > 0)
        laplacian = cv2.Laplacian(mask.astype(np.float32), -1, borderType=cv2.BORDER_CONSTANT)
        np.testing.assert_array_equal(found, -laplacian > 0)


def test_types_and_soft_masks() -> None:
    """RoIAlign leaves soft targets: set is what lies above 1/2."""
    soft = torch.rand(2, 9, 9, generator=torch.Generator().manual_seed(0))
    expected = laplacian_boundaries(soft > 0.5)
    for given in (soft, soft[:, None], (soft > 0.5).to(torch.uint8), soft.double()):
        assert torch.equal(laplacian_boundaries(given), expected)
    assert laplacian_boundaries(soft[:0]).shape == (0, 9, 9)


def test_losses_by_hand() -> None:
    """Four pixels, the first is boundary. Probabilities p 3/4, 1/4, 1/2, 1/2.

    BCE: (ln 4/3 + ln 4/3 + 2 ln 2) / 4. Dice: 1 - (2 * 3/4 + 1) / (sum of p^2 + 1 + 1), the sum
    9/16 + 1/16 + 1/4 + 1/4. Weighted: a boundary pixel weighs 3/4, others 1/4, in total 3/4 each:
    half of the first's BCE, half of the mean of the others'.
    """
    logits = torch.tensor([[[3, 1 / 3], [1, 1]]], dtype=torch.float64).log()
    labels = torch.tensor([[[1, 0], [0, 0]]])
    quarter, half = math.log(4 / 3), math.log(2)
    expected = {
        "bce": (2 * quarter + 2 * half) / 4,
        "weighted_bce": quarter / 2 + (quarter + 2 * half) / 3 / 2,
        "dice": 1 - 2.5 / (9 / 16 + 1 / 16 + 1 / 2 + 2),
    }
    expected["dice_bce"] = expected["dice"] + expected["bce"]
    assert set(expected) == set(KINDS)
    for kind, value in expected.items():
        found = mask_boundary_loss(logits, labels, kind)  # type: ignore[arg-type]
        assert found.item() == pytest.approx(value, rel=1e-12), kind
    doubled = mask_boundary_loss(logits, labels, bce_weight=2.0).item()
    assert doubled == pytest.approx(expected["dice"] + 2 * expected["bce"], rel=1e-12)
    assert mask_boundary_loss(logits, labels).item() == pytest.approx(expected["dice_bce"])


def test_labels_without_a_boundary() -> None:
    """784 probabilities of 1/2: Dice 1 - 1 / (784 / 4 + 1); both cross entropies ln 2. Predicted to
    be empty, they cost nothing: epsilon is 1, not the tiny one that only avoids 0 / 0."""
    empty = torch.zeros(1, 28, 28)
    dice = mask_boundary_loss(torch.zeros(1, 28, 28), empty, "dice").item()
    assert dice == pytest.approx(1 - 1 / 197, rel=1e-6)
    for kind in ("bce", "weighted_bce"):
        loss = mask_boundary_loss(torch.zeros(1, 28, 28), empty, kind)  # type: ignore[arg-type]
        assert loss.item() == pytest.approx(math.log(2), rel=1e-6)
    for kind in KINDS:
        assert mask_boundary_loss(torch.full((1, 28, 28), -30.0), empty, kind).item() < 1e-6
    half = torch.full((1, 1, 1), 0.5)
    assert dice_loss(half, half * 0, epsilon=1.0).item() == pytest.approx(1 - 1 / 1.25)
    assert dice_loss(half, half * 0).item() == pytest.approx(1, abs=1e-4)


@ALL
def test_every_mask_weighs_the_same(kind: BoundaryLoss) -> None:
    """However many boundary pixels it has (eq. 4 is of each sample)."""
    logits = torch.randn(5, 28, 28, generator=torch.Generator().manual_seed(0))
    labels = laplacian_boundaries(torch.from_numpy(random_masks(9, 28, 28))[1:6])
    each = mask_boundary_loss(logits, labels, kind, reduction="none")
    alone = [mask_boundary_loss(logits[i : i + 1], labels[i : i + 1], kind) for i in range(5)]
    torch.testing.assert_close(each, torch.stack(alone))
    torch.testing.assert_close(mask_boundary_loss(logits[:, None], labels, kind), each.mean())
    total = mask_boundary_loss(logits, labels, kind, reduction="sum")
    torch.testing.assert_close(total, each.sum())


@ALL
def test_gradients_in_float64(kind: BoundaryLoss) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 4, 5, generator=generator).double().requires_grad_()
    labels = torch.rand(3, 4, 5, generator=generator) > 0.6
    labels[2] = False
    assert torch.autograd.gradcheck(lambda x: mask_boundary_loss(x, labels, kind), logits)


@ALL
def test_full_precision_under_autocast(kind: BoundaryLoss) -> None:
    logits = torch.randn(2, 28, 28, generator=torch.Generator().manual_seed(0))
    labels = laplacian_boundaries(logits > 0)
    expected = mask_boundary_loss(logits, labels, kind)
    with torch.autocast("cpu", torch.bfloat16):
        found = mask_boundary_loss(logits, labels, kind)
        short = mask_boundary_loss(logits.bfloat16(), labels, kind)
        assert torch.equal(laplacian_boundaries(logits > 0), labels)
    assert found.dtype == short.dtype == torch.float32
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(short, mask_boundary_loss(logits.bfloat16().float(), labels, kind))


@ALL
def test_no_masks_cost_nothing_and_train(kind: BoundaryLoss) -> None:
    head = torch.nn.Conv2d(2, 3, 1)
    chosen = logits_of_classes(head(torch.zeros(0, 2, 28, 28)), torch.zeros(0, dtype=torch.long))
    loss = mask_boundary_loss(chosen, torch.zeros(0, 28, 28), kind)
    loss.backward()
    assert loss.item() == 0 and not head.weight.grad.any()  # type: ignore[union-attr]


@ALL
def test_what_the_predictor_learns(kind: BoundaryLoss) -> None:
    """Table 4: boundaries, the masks themselves (soft as they are), or nothing; of the label's
    class alone, and without supervision the gradient is there and 0."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 4, 28, 28, generator=generator).requires_grad_()
    masks = torch.rand(2, 28, 28, generator=generator)
    classes = torch.tensor([3, 1])
    chosen = torch.stack([logits[0, 3], logits[1, 1]])
    for supervision, labels in (("boundary", laplacian_boundaries(masks)), ("mask", masks)):
        expected = mask_boundary_loss(chosen, labels, kind, reduction="none")
        found = boundary_head_loss(logits, classes, masks, kind, supervision, reduction="none")  # type: ignore[arg-type]
        torch.testing.assert_close(found, expected, rtol=0, atol=0)
        (gradient,) = torch.autograd.grad(found.sum(), logits)
        taught = gradient.flatten(2).any(dim=2)
        assert taught.tolist() == [[False, False, False, True], [False, True, False, False]]
    nothing = boundary_head_loss(logits, classes, masks, kind, "none")
    nothing.backward()
    assert nothing.item() == 0 and logits.grad is not None and not logits.grad.any()
    with pytest.raises(ValueError, match="boundary, mask or none"):
        boundary_head_loss(logits, classes, masks, kind, "edges")  # type: ignore[arg-type]


def test_what_does_not_fit_is_refused() -> None:
    logits = torch.zeros(2, 28, 28)
    with pytest.raises(ValueError, match="one shape"):
        mask_boundary_loss(logits, logits[:, 1:])
    with pytest.raises(ValueError, match="kind must be"):
        mask_boundary_loss(logits, logits, "focal")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"\(n, C, H, W\)"):
        logits_of_classes(torch.zeros(2, 3, 28, 28), torch.tensor([1]))


def test_logits_of_classes() -> None:
    """Class 2 of the first mask, class 0 of the second; only they get a gradient."""
    logits = torch.arange(2 * 3 * 4.0).view(2, 3, 2, 2).requires_grad_()
    chosen = logits_of_classes(logits, torch.tensor([2, 0]))
    assert chosen.tolist() == [[[8, 9], [10, 11]], [[12, 13], [14, 15]]]
    chosen.sum().backward()
    assert logits.grad is not None
    assert logits.grad.sum(dim=(2, 3)).tolist() == [[0, 0, 4], [4, 0, 0]]
