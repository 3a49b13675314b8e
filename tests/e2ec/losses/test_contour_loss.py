"""Contour loss: its parts by hand, its distances against OpenCV's, and what its gradient does."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch
from plain_masks import random_masks, shifted_discs
from torch import Tensor

from e2ec.losses import (
    binarize,
    contour_loss,
    contour_loss_with_logits,
    contour_response,
    distance_mse_loss,
    edge_mse_loss,
    step_distances,
)

Loss = Callable[..., Tensor]


def test_binarisation_by_hand() -> None:
    """1 / (1 + exp(-20 (0.6 - 0.5))) = 1 / (1 + exp(-2))."""
    expected = [1 / (1 + math.exp(-2)), 0.5, 1 / (1 + math.exp(2))]
    assert binarize(torch.tensor([0.6, 0.5, 0.4])).tolist() == pytest.approx(expected, rel=1e-6)


def test_contour_response_by_hand() -> None:
    """A square of 3 x 3 pixels. Beside a side: Sobel gives 4 and 0, half of it is 2; at a corner's
    outer pixel 1 and 1: 1; inside of a corner 3 and 3: 3; in the middle nothing."""
    mask = torch.zeros(1, 7, 7, dtype=torch.bool)
    mask[0, 2:5, 2:5] = True
    row = [0, 1, 2, 2, 2, 1, 0]
    found = contour_response(mask)[0]
    assert found[1].tolist() == [0, 1, 2, 2, 2, 1, 0]  # corner (1, 1); (1 + 3) / 2 beside it
    assert found[2].tolist() == [0, 2, 3, 2, 3, 2, 0]
    assert found[3].tolist() == [0, 2, 2, 0, 2, 2, 0]
    assert found[5].tolist() == row and found[0].sum() == found[6].sum() == 0


def test_contour_responses_are_sobel_s_and_whole_numbers() -> None:
    masks = random_masks(100, 30, 34)
    found = contour_response(torch.from_numpy(masks)[:, None])
    assert found.unique().tolist() == [0, 1, 2, 3]
    for mask, response in zip(masks, found, strict=True):
        derivatives = [
            cv2.Sobel(mask.astype(np.float32), -1, dx, 1 - dx, borderType=cv2.BORDER_CONSTANT)
            for dx in (0, 1)
        ]
        np.testing.assert_array_equal(response, np.abs(derivatives).sum(axis=0) / 2)


@pytest.mark.parametrize("k", [1, 2, 3, 6])
def test_k_step_distances_equal_the_exact_chessboard_distances_cut_at_k_plus_1(k: int) -> None:
    """Of the contours of 1,000 random shapes, against OpenCV's exact transform (DIST_C)."""
    contours = contour_response(torch.from_numpy(random_masks(1000, 40, 46)))
    found = step_distances(contours, k).numpy()
    for contour, distances in zip(contours.numpy(), found, strict=True):
        off = (contour == 0).astype(np.uint8)
        exact = np.full(off.shape, np.inf, np.float32)  # no contour: all are far
        if not off.all():
            exact = cv2.distanceTransform(off, cv2.DIST_C, 3)
        np.testing.assert_allclose(distances, np.minimum(exact, k + 1), rtol=0, atol=1e-5)


def test_printed_distances_are_algorithm_1_to_the_letter() -> None:
    """Far from everything: B(0) = 0.119 after one dilation, B(0.119) = 0.594 after two; so 3 less
    0 + 0.119 + 0.594. On the middle of a bar two thick, responses of 2: far below 0."""
    b = lambda x: 1 / (1 + math.exp(-20 * (x - 0.1)))  # noqa: E731
    far = step_distances(torch.zeros(1, 9, 9), 2, printed=True)[0, 4, 4].item()
    assert far == pytest.approx(3 - b(0) - b(b(0)), rel=1e-5)
    lone = torch.zeros(1, 9, 9)
    lone[0, 4, 4] = 1
    beside = step_distances(lone, 1, printed=True)[0, 4, 5].item()
    assert beside == pytest.approx(2 - b(1 / 9), rel=1e-5)
    on_contour = contour_response(shifted_discs([0.0]))
    assert step_distances(on_contour, 2, printed=True).min() < -1


def test_loss_by_hand() -> None:
    """Equation 16 written out, for halves of a picture that end 2 pixels apart. Both contours are
    two columns thick: of one, the distances to the other are 1 and 2."""
    masks = torch.zeros(2, 4, 20)
    masks[0, :, :8] = 1
    masks[1, :, :10] = 1
    response = contour_response(masks)
    distances = step_distances(response, 2)
    expected = sum((response[i] * distances[1 - i]).sum() / (response[i].sum() + 1) for i in (0, 1))
    assert contour_loss(masks[:1], masks[1:]).item() == pytest.approx(expected.item() / 2, rel=1e-3)
    assert distances[0, 1, 6:13].tolist() == [1, 0, 0, 1, 2, 3, 3]
    # Equation 16 as printed, epsilon being a pixel's response of 1.
    predicted, label = contour_response(binarize(masks[:1])), response[1:]
    printed = sum(
        (a * step_distances(b, 2, printed=True)).sum().add(1) / (a.sum() + 1)
        for a, b in ((predicted, label), (label, predicted))
    )
    found = contour_loss(masks[:1], masks[1:], printed=True).item()
    assert found == pytest.approx(printed.item() / 2, rel=1e-5)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_the_loss_grows_with_a_shift_of_0_to_k_pixels(k: int) -> None:
    masks = shifted_discs([float(shift) for shift in range(k + 2)])
    losses = contour_loss(masks, masks[:1].expand_as(masks), k, reduction="none")
    assert losses[0] < 1e-4 and (losses.diff() > 0.1).all()


def test_far_masks_and_masks_without_contours() -> None:
    masks = torch.zeros(3, 40, 40)
    masks[0, 2:12, 2:12] = 1
    masks[1, 25:35, 25:35] = 1
    far = contour_loss(masks[:1], masks[1:2], 2).item()
    assert far == pytest.approx(3, rel=0.02)  # k + 1, but for epsilon
    for a, b in ((0, 2), (2, 0)):
        assert contour_loss(masks[[a]], masks[[b]]).item() == pytest.approx(1.5, rel=0.02)
    assert contour_loss(masks[[2]], masks[[2]]).item() == pytest.approx(0, abs=1e-6)
    assert contour_loss(masks[[2]], masks[[2]], printed=True).item() == pytest.approx(1, abs=0.02)


def test_logits_are_widened_before_the_sigmoid() -> None:
    """Which of 6.5 in bfloat16 would be 1."""
    logits = (6.5 * (shifted_discs([1.0]).float() * 2 - 1)).bfloat16()
    targets = shifted_discs([0.0])
    found = contour_loss_with_logits(logits, targets, gamma=10.0, threshold=0.4)
    expected = contour_loss(logits.float().sigmoid(), targets, gamma=10.0, threshold=0.4)
    assert torch.equal(found, expected)


@pytest.mark.parametrize("loss", [contour_loss, distance_mse_loss])
def test_k_must_be_positive(loss: Loss) -> None:
    with pytest.raises(ValueError, match="k must be 1"):
        loss(torch.zeros(1, 4, 4), torch.zeros(1, 4, 4), 0)


@pytest.mark.parametrize("loss", [contour_loss, edge_mse_loss, distance_mse_loss])
@pytest.mark.parametrize("printed", [False, True])
def test_gradients_equal_finite_differences(loss: Loss, printed: bool) -> None:
    masks = torch.rand(1, 5, 6, generator=torch.Generator().manual_seed(2)).double() * 0.3 + 0.35
    targets = torch.zeros(1, 5, 6)
    targets[0, 1:4, 1:4] = 1
    masks.requires_grad_()
    assert torch.autograd.gradcheck(lambda m: loss(m, targets, printed=printed), (masks,))


def test_alternatives_of_table_ii_by_hand() -> None:
    masks, targets = torch.zeros(1, 8, 8), torch.zeros(1, 8, 8)
    targets[0, 2:5, 2:5] = 1
    response = contour_response(targets)
    assert edge_mse_loss(masks, targets).item() == pytest.approx(
        response.square().sum().item() / 64, rel=1e-4
    )
    off = (3 - step_distances(response, 2)).square().mean().item()  # without contours all are 3
    assert distance_mse_loss(masks, targets).item() == pytest.approx(off, rel=1e-4)
