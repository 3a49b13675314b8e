"""The contour loss on a mask head's logits is that of the label's class, called alone."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from plain_masks import random_masks
from torch import Tensor

from e2ec.contour_loss_config import ContourLossConfig, MaskLoss
from e2ec.losses import (
    boundary_loss,
    contour_loss_with_logits,
    dice_loss,
    distance_mse_loss,
    edge_mse_loss,
    mask_distances,
)
from e2ec.losses.mask_head_contour import mask_head_contour_loss

ALL = pytest.mark.parametrize("kind", get_args(MaskLoss))
CLASSES = torch.tensor([1, 3, 2, 1])


def case() -> tuple[Tensor, Tensor]:
    """Logits of four masks and three classes beside the background, and soft targets."""
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(4, 4, 28, 28, generator=generator)
    masks = torch.from_numpy(random_masks(40, 28, 28)).float()
    masks = masks[(masks.mean(dim=(1, 2)) - 0.5).abs() < 0.4][:4]  # with a boundary
    return logits, (masks * 0.8 + 0.2 * torch.rand(masks.shape, generator=generator)).clamp(0, 1)


def called_alone(logits: Tensor, targets: Tensor, kind: MaskLoss, k: int) -> Tensor:
    chosen = torch.stack([mask[index] for mask, index in zip(logits, CLASSES, strict=True)])
    binary = targets > 0.5
    if kind == "contour":
        return contour_loss_with_logits(chosen, binary, k)
    if kind == "distance_mse":
        return distance_mse_loss(chosen.sigmoid(), binary, k)
    if kind == "edge_mse":
        return edge_mse_loss(chosen.sigmoid(), binary)
    if kind == "dice":
        return dice_loss(chosen.sigmoid(), targets)
    return boundary_loss(chosen.sigmoid(), mask_distances(binary), targets)


@ALL
def test_equals_a_direct_call(kind: MaskLoss) -> None:
    logits, targets = case()
    for k in (2, 3):
        settings = ContourLossConfig(kind=kind, k=k)
        found = mask_head_contour_loss(logits, CLASSES, targets, settings)
        torch.testing.assert_close(found, called_alone(logits, targets, kind, k), rtol=0, atol=0)
        each = mask_head_contour_loss(logits, CLASSES, targets, settings, reduction="none")
        assert each.shape == (4,) and (each > 0).all()
        torch.testing.assert_close(each.mean(), found)


@ALL
def test_only_the_label_s_class_learns(kind: MaskLoss) -> None:
    logits, targets = case()
    logits.requires_grad_()
    mask_head_contour_loss(logits, CLASSES, targets, ContourLossConfig(kind=kind)).backward()
    assert logits.grad is not None
    for number, index in enumerate(CLASSES.tolist()):
        learns = logits.grad[number].flatten(1).any(dim=1).tolist()
        assert learns == [place == index for place in range(4)]


@ALL
def test_full_precision_under_autocast(kind: MaskLoss) -> None:
    (logits, targets), settings = case(), ContourLossConfig(kind=kind)
    expected = mask_head_contour_loss(logits.bfloat16().float(), CLASSES, targets, settings)
    with torch.autocast("cpu", torch.bfloat16):
        found = mask_head_contour_loss(logits.bfloat16(), CLASSES, targets, settings)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-7)


@ALL
def test_no_masks_cost_nothing_and_train(kind: MaskLoss) -> None:
    head = torch.nn.Conv2d(2, 4, 1)
    logits, settings = head(torch.zeros(0, 2, 28, 28)), ContourLossConfig(kind=kind)
    loss = mask_head_contour_loss(logits, CLASSES[:0], torch.zeros(0, 28, 28), settings)
    loss.backward()
    assert loss.item() == 0 and not head.weight.grad.any()  # type: ignore[union-attr]


def test_shapes_that_do_not_fit_are_refused() -> None:
    (logits, targets), settings = case(), ContourLossConfig()
    with pytest.raises(ValueError, match="one shape"):
        mask_head_contour_loss(logits, CLASSES, targets[:, 1:], settings)
    with pytest.raises(ValueError, match=r"classes \(n,\)"):
        mask_head_contour_loss(logits, CLASSES[:2], targets, settings)
