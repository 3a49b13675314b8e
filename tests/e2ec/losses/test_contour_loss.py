"""Contour loss: its parts by hand, its distances against OpenCV's, and what its gradient does."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from e2ec.losses import (
    binarize,
    boundary_loss,
    contour_loss,
    contour_loss_with_logits,
    contour_response,
    dice_loss,
    distance_mse_loss,
    edge_mse_loss,
    mask_distances,
    step_distances,
)

PAIR_LOSSES = {
    "contour": contour_loss,
    "edge_mse": edge_mse_loss,
    "distance_mse": distance_mse_loss,
    "dice": dice_loss,
    "boundary": lambda masks, targets, **more: boundary_loss(
        masks, mask_distances(targets), **more
    ),
}
ALL = pytest.mark.parametrize("loss", PAIR_LOSSES.values(), ids=PAIR_LOSSES)
Loss = Callable[..., Tensor]


def random_masks(count: int, height: int, width: int) -> np.ndarray:
    """Polygons filled one over the other, set or not: with holes, parts, single pixels, cut by the
    border, empty and full."""
    rng = np.random.default_rng(0)
    masks = np.zeros((count, height, width), np.uint8)
    for number, mask in enumerate(masks):
        for layer in range(int(rng.integers(1, 5))):
            middle, spread = rng.uniform(-5, max(height, width) + 5, 2), rng.uniform(0.5, 15)
            points = middle + spread * rng.normal(size=(int(rng.integers(3, 9)), 2))
            value = int(layer == 0 or rng.random() < 0.6)
            cv2.fillPoly(mask, [points.round().astype(np.int32)], value)
        if number % 50 == 0:
            mask[:] = number % 100 == 0
    return masks


def centers(size: int) -> tuple[Tensor, Tensor]:
    grid = torch.arange(size) + 0.5
    return grid[None, :], grid[:, None]


def disc(size: int, x: Tensor, y: Tensor, radius: float) -> Tensor:
    """Signed distances (1, size, size) of pixels to a circle, positive inside."""
    grid_x, grid_y = centers(size)
    return (radius - ((grid_x - x) ** 2 + (grid_y - y) ** 2).sqrt())[None]


def shifted_discs(shifts: list[float]) -> Tensor:
    """Masks (n, 48, 48) of a disc of radius 12."""
    middle = torch.tensor(24.0)
    return torch.cat([disc(48, middle + shift, middle, 12.0) > 0 for shift in shifts])


def iou(first: Tensor, second: Tensor) -> float:
    return ((first & second).sum() / (first | second).sum()).item()


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
    expected = sum(
        (response[i] * distances[1 - i]).sum() / (response[i].sum() + 1) for i in (0, 1)
    )
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


def test_equal_masks_cost_nothing() -> None:
    masks = torch.from_numpy(random_masks(1000, 40, 46))
    for name, loss in PAIR_LOSSES.items():
        assert loss(masks, masks, reduction="none").abs().max() < 1e-4, name


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


@ALL
def test_the_gradient_moves_a_shifted_disc_back(loss: Loss) -> None:
    """By its position, and by all of its logits, from IoU 0.72."""
    target = shifted_discs([0.0])
    position = torch.tensor([27.0, 22.5], requires_grad=True)
    optimizer = torch.optim.Adam([position], lr=0.1)
    for _ in range(120):
        optimizer.zero_grad()
        loss(disc(48, *position, 12.0).sigmoid(), target).backward()
        optimizer.step()
    assert (position - 24).abs().max() < 0.1
    logits = disc(48, torch.tensor(27.0), torch.tensor(24.0), 12.0)
    assert iou(logits > 0, target) < 0.73
    optimizer = torch.optim.Adam([logits.requires_grad_()], lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        loss(logits.sigmoid(), target).backward()
        optimizer.step()
    assert iou(logits > 0, target) > 0.99


@pytest.mark.parametrize("kind", ["contour", "dice"])
def test_a_mask_head_of_somebody_s_own_learns(kind: str) -> None:
    """A small convolutional head, noisy pictures of discs, half of the steps with a loss of ours
    beside cross entropy, as in the paper: the contours come nearer than they were."""
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    places = torch.rand(8, 2, generator=generator) * 6 + 11
    targets = torch.cat([disc(28, *place, 8.0) > 0 for place in places])[:, None].float()
    images = targets + 0.7 * torch.randn(targets.shape, generator=generator)
    head = nn.Sequential(
        nn.Conv2d(1, 12, 5, padding=2), nn.ReLU(), nn.Conv2d(12, 1, 5, padding=2)
    )
    optimizer = torch.optim.Adam(head.parameters(), lr=0.01)
    distances = []
    for step in range(60):
        optimizer.zero_grad()
        logits = head(images)
        loss = nn.functional.binary_cross_entropy_with_logits(logits, targets)
        if step >= 30:
            extra = contour_loss_with_logits(logits, targets) if kind == "contour" else None
            loss = loss + (dice_loss(logits.sigmoid(), targets) if extra is None else extra)
        distances.append(contour_loss((logits > 0).float(), targets).item())
        loss.backward()
        optimizer.step()
    assert all(parameter.grad is not None for parameter in head.parameters())
    assert distances[-1] < 0.8 * distances[30] < distances[0]


@ALL
def test_shapes_types_and_reductions(loss: Loss) -> None:
    masks = torch.rand(3, 1, 9, 12, generator=torch.Generator().manual_seed(0))
    targets = masks[:, 0] > 0.6
    each = loss(masks[:, 0], targets, reduction="none")
    assert each.shape == (3,) and each.dtype == torch.float32
    for binary in (targets, targets.to(torch.uint8), targets.float()[:, None], targets.long()):
        given = masks if binary.dim() == 4 else masks[:, 0]
        torch.testing.assert_close(loss(given, binary, reduction="none"), each)
    torch.testing.assert_close(loss(masks, targets[:, None]), each.mean())
    torch.testing.assert_close(loss(masks, targets[:, None], reduction="sum"), each.sum())
    assert loss(masks.double(), targets[:, None]).dtype == torch.float64
    empty = torch.zeros(0, 9, 12, requires_grad=True)
    total = loss(empty, targets[:0])
    total.backward()
    assert total.item() == 0
    with pytest.raises(ValueError, match="one shape"):
        loss(masks, targets[:, None, :-1])
    with pytest.raises(ValueError, match=r"\(n, H, W\)"):
        loss(masks[0, 0], targets[0])
    with pytest.raises(ValueError, match="reduction"):
        loss(masks, targets[:, None], reduction="average")


@ALL
def test_full_precision_under_autocast(loss: Loss) -> None:
    masks = torch.rand(2, 16, 16, generator=torch.Generator().manual_seed(0))
    targets = masks > 0.5
    expected = loss(masks, targets)
    with torch.autocast("cpu", torch.bfloat16):
        found = loss(masks, targets)
        short = loss(masks.bfloat16(), targets)
    assert found.dtype == short.dtype == torch.float32
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(short, loss(masks.bfloat16().float(), targets))


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


def test_dice_loss_by_hand() -> None:
    """Masks of 4 and 2 pixels that share 1: 1 - 2 / 6; a soft 0.5 against 1: 1 - 1 / 1.25."""
    masks, targets = torch.zeros(2, 3, 3), torch.zeros(2, 3, 3)
    masks[0, :2, :2], targets[0, 1:, 1] = 1, 1
    masks[1, 0, 0], targets[1, 0, 0] = 0.5, 1
    found = dice_loss(masks, targets, reduction="none")
    assert found.tolist() == pytest.approx([1 - 2 / 6, 1 - 1 / 1.25], abs=1e-5)


def test_boundary_loss_by_hand() -> None:
    """A column of three, the middle set: 0.5 inside, -0.5 outside. What is 0.4 off at the middle
    and 0.2 off at one end costs (0.5 * 0.4 + 0.5 * 0.2) / 3."""
    target = torch.tensor([[[0.0], [1.0], [0.0]]])
    distances = mask_distances(target)
    assert distances.flatten().tolist() == [-0.5, 0.5, -0.5]
    masks = torch.tensor([[[0.2], [0.6], [0.0]]])
    assert boundary_loss(masks, distances).item() == pytest.approx(0.1)
    soft = torch.tensor([[[0.2], [0.8], [0.0]]])
    assert boundary_loss(masks, distances, soft).item() == pytest.approx(0.5 * 0.2 / 3)
    wide = torch.zeros(1, 5, 5)
    wide[0, 2, 2] = 1
    assert mask_distances(wide)[0, 0, 0].item() == pytest.approx(0.5 - math.sqrt(8))
    for value in (0.0, 1.0):
        assert (mask_distances(torch.full((1, 3, 3), value)) == 0).all()
