"""Losses of the fully convolutional box head: focal loss, boxes, predicted GIoU."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from e2ec.losses.fcn_box import fcn_box_losses, sigmoid_focal_loss
from e2ec.losses.giou import giou, giou_log_loss


def case(count: int = 3, num_classes: int = 4, seed: int = 0) -> tuple[Tensor, ...]:
    """logits, boxes, iou, classes and targets of `count` proposals of 7 x 7 cells, float64."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(count, num_classes, 7, 7, generator=generator, dtype=torch.float64)
    low = torch.rand(2, count, 7, 7, 2, generator=generator, dtype=torch.float64) * 5
    size = torch.rand(2, count, 7, 7, 2, generator=generator, dtype=torch.float64) * 5 + 1
    boxes, targets = torch.cat([low, low + size], -1)
    iou = torch.rand(count, 7, 7, generator=generator, dtype=torch.float64)
    classes = torch.randint(0, num_classes + 1, (count, 7, 7), generator=generator)
    return logits, boxes, iou, classes, targets


def test_focal_loss_by_hand() -> None:
    """At a probability of 1/2: 0.25 * 0.25 * ln 2 of a positive, 0.75 * 0.25 * ln 2 of a negative.
    At logit ln 3, p = 3/4: 0.25 / 16 * ln(4/3), and 0.75 * 9/16 * ln 4."""
    logits = torch.tensor([0.0, 0.0, math.log(3), math.log(3)])
    losses = sigmoid_focal_loss(logits, torch.tensor([1, 0, 1, 0]))
    by_hand = [
        0.0625 * math.log(2),
        0.1875 * math.log(2),
        math.log(4 / 3) / 64,
        27 / 64 * math.log(4),
    ]
    assert losses.tolist() == pytest.approx(by_hand)


def test_focal_loss_as_torchvision() -> None:
    ops = pytest.importorskip("torchvision", reason="the mask family needs torchvision").ops
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(50, 8, generator=generator) * 5
    targets = (torch.rand(50, 8, generator=generator) < 0.3).float()
    expected = ops.sigmoid_focal_loss(logits, targets)
    torch.testing.assert_close(sigmoid_focal_loss(logits, targets), expected)


def test_focal_loss_is_finite_far_away() -> None:
    far = torch.tensor([1e4, -1e4, 1e4, -1e4], requires_grad=True)
    losses = sigmoid_focal_loss(far, torch.tensor([1, 0, 0, 1]))
    assert losses.tolist() == pytest.approx([0, 0, 7500, 2500])
    losses.sum().backward()
    assert far.grad is not None and far.grad.isfinite().all()


def test_losses_are_the_slow_version() -> None:
    logits, boxes, iou, classes, targets = case()
    sums = torch.zeros(3, dtype=torch.float64)
    positives = 0
    for n in range(3):
        for y in range(7):
            for x in range(7):
                label = int(classes[n, y, x])
                for k in range(4):
                    p = 1 / (1 + math.exp(-float(logits[n, k, y, x])))
                    if k + 1 == label:
                        sums[0] -= 0.25 * (1 - p) ** 2 * math.log(p)
                    else:
                        sums[0] -= 0.75 * p**2 * math.log(1 - p)
                if label:
                    positives += 1
                    value = giou(boxes[n, y, x][None], targets[n, y, x][None])[0]
                    sums[1] -= torch.log((value + 1) / 2)
                    sums[2] += (iou[n, y, x] - value) ** 2
    found = fcn_box_losses(logits, boxes, iou, classes, targets)
    torch.testing.assert_close(torch.stack([v for v in found if v is not None]), sums / positives)
    fixed = fcn_box_losses(logits, boxes, iou, classes, targets, positives=10)
    torch.testing.assert_close(torch.stack([v for v in fixed if v is not None]), sums / 10)


def test_parts_of_a_step_add_up_to_the_step() -> None:
    """Divided by the positives of the whole step, losses of its parts sum to the step's."""
    whole = case(4)
    positives = (whole[3] > 0).sum()
    together = fcn_box_losses(*whole)
    parts = [
        fcn_box_losses(*(t[rows] for t in whole), positives=positives)
        for rows in (slice(0, 1), slice(1, 4))
    ]
    for name in together._fields:
        total = sum(getattr(part, name) for part in parts)
        torch.testing.assert_close(total, getattr(together, name))


def test_what_each_loss_moves() -> None:
    """The B-IoU loss moves its own branch alone; background cells move nothing but classes."""
    logits, boxes, iou, classes, targets = case()
    for tensor in (logits, boxes, iou):
        tensor.requires_grad_()
    losses = fcn_box_losses(logits, boxes, iou, classes, targets)
    assert losses.box_iou is not None
    losses.box_iou.backward()
    assert boxes.grad is None and iou.grad is not None
    background = classes == 0
    assert not iou.grad[background].any() and iou.grad[~background].all()
    losses.boxes.backward()
    assert boxes.grad is not None and not boxes.grad[background].any()


def test_a_switched_off_branch_has_no_loss() -> None:
    logits, boxes, _, classes, targets = case()
    losses = fcn_box_losses(logits, boxes, None, classes, targets)
    assert losses.box_iou is None
    expected = giou_log_loss(boxes[classes > 0], targets[classes > 0]).mean()
    torch.testing.assert_close(losses.boxes, expected)


def test_background_alone_and_nothing_at_all() -> None:
    logits, boxes, iou, classes, targets = case()
    losses = fcn_box_losses(logits, boxes, iou, torch.zeros_like(classes), targets)
    assert losses.classes > 0 and losses.boxes == 0 and losses.box_iou == 0
    cells = classes.shape[1] * classes.shape[2]  # as if one proposal were all object
    background = sigmoid_focal_loss(logits, torch.zeros_like(logits)).sum()
    torch.testing.assert_close(losses.classes, background / cells)
    nothing = [tensor[:0] for tensor in (logits, boxes, iou, classes, targets)]
    leaves = [tensor.requires_grad_() for tensor in nothing[:3]]
    losses = fcn_box_losses(*nothing)
    assert losses.box_iou is not None
    total = losses.classes + losses.boxes + losses.box_iou
    total.backward()
    assert total == 0 and all(leaf.grad is not None for leaf in leaves)


def test_gradcheck() -> None:
    logits, boxes, iou, classes, targets = case(1, 2)
    logits, iou, classes = logits[..., :2, :3], iou[:, :2, :3], classes[:, :2, :3]
    boxes, targets = boxes[:, :2, :3], targets[:, :2, :3]
    leaves = (logits.requires_grad_(), boxes.requires_grad_(), iou.requires_grad_())

    def losses(*tensors: Tensor) -> tuple[Tensor, ...]:
        found = fcn_box_losses(*tensors, classes, targets)
        return found.classes, found.boxes

    assert torch.autograd.gradcheck(losses, leaves)
    # The B-IoU loss holds boxes still, which finite differences would not.
    assert torch.autograd.gradcheck(
        lambda i: fcn_box_losses(logits.detach(), boxes.detach(), i, classes, targets).box_iou,
        (iou,),
    )


def test_float32_under_autocast() -> None:
    logits, boxes, iou, classes, targets = case()
    floats = logits.bfloat16(), boxes.float(), iou.bfloat16(), classes, targets.float()
    with torch.autocast("cpu", torch.bfloat16):
        losses = fcn_box_losses(*floats)
    exact = fcn_box_losses(floats[0].float(), floats[1], floats[2].float(), *floats[3:])
    for found, expected in zip(losses, exact, strict=True):
        assert found is not None and found.dtype == torch.float32
        torch.testing.assert_close(found, expected)


def test_wrong_shapes_are_refused() -> None:
    logits, boxes, iou, classes, targets = case()
    with pytest.raises(ValueError, match="do not fit"):
        fcn_box_losses(logits, boxes, iou, classes[:, :3], targets)
    with pytest.raises(ValueError, match="do not fit"):
        fcn_box_losses(logits, boxes[0], iou, classes, targets)
