"""What holds of every loss of masks; Dice and boundary loss by hand."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from plain_masks import disc, iou, random_masks, shifted_discs
from torch import Tensor, nn

from e2ec.losses import (
    boundary_loss,
    contour_loss,
    contour_loss_with_logits,
    dice_loss,
    distance_mse_loss,
    edge_mse_loss,
    mask_distances,
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


def test_equal_masks_cost_nothing() -> None:
    masks = torch.from_numpy(random_masks(1000, 40, 46))
    for name, loss in PAIR_LOSSES.items():
        assert loss(masks, masks, reduction="none").abs().max() < 1e-4, name


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
    head = nn.Sequential(nn.Conv2d(1, 12, 5, padding=2), nn.ReLU(), nn.Conv2d(12, 1, 5, padding=2))
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
