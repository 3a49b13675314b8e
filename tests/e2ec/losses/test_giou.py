"""GIoU and its logarithmic loss: by hand, against torchvision, at the ends of what boxes can be."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from e2ec.losses.giou import LEAST, giou, giou_log_loss

# Pairs of boxes and their GIoU. The numbers: intersection, union, enclosing box.
BY_HAND = {
    "equal": ([0, 0, 2, 4], [0, 0, 2, 4], 1.0),  # 8, 8, 8
    "half of it": ([0, 0, 1, 2], [0, 0, 2, 2], 0.5),  # 2, 4, 4: nothing is lost around
    "shifted": ([0, 0, 2, 2], [1, 1, 3, 3], 1 / 7 - 2 / 9),  # 1, 7, 9
    "touching": ([0, 0, 1, 1], [1, 0, 2, 1], 0.0),  # 0, 2, 2
    "at a corner": ([0, 0, 1, 1], [1, 1, 2, 2], -0.5),  # 0, 2, 4
    "apart": ([0, 0, 1, 1], [3, 0, 4, 1], -0.5),  # 0, 2, 4
    "no area": ([1, 1, 1, 1], [0, 0, 2, 2], 0.0),  # 0, 4, 4
    "no area, apart": ([3, 1, 3, 1], [0, 0, 2, 2], 4 / 6 - 1),  # 0, 4, 6
    "two points": ([0, 0, 0, 0], [3, 3, 3, 3], -1.0),  # 0, 0, 9
    "one point": ([1, 1, 1, 1], [1, 1, 1, 1], -1.0),  # 0, 0, 0: by definition here
}
FIRST = torch.tensor([pair[0] for pair in BY_HAND.values()], dtype=torch.float32)
SECOND = torch.tensor([pair[1] for pair in BY_HAND.values()], dtype=torch.float32)
EXPECTED = torch.tensor([pair[2] for pair in BY_HAND.values()])


def random_boxes(count: int, seed: int) -> Tensor:
    corners = torch.rand(count, 2, 2, generator=torch.Generator().manual_seed(seed)) * 20
    return torch.cat([corners.amin(1), corners.amax(1)], 1)


def test_by_hand_both_ways() -> None:
    torch.testing.assert_close(giou(FIRST, SECOND), EXPECTED)
    torch.testing.assert_close(giou(SECOND, FIRST), EXPECTED)


def test_log_loss_by_hand() -> None:
    """Equal boxes 0; GIoU 0 gives ln 2 = 0.6931; -0.5 gives ln 4 = 1.3863; -1 is cut off."""
    expected = -((EXPECTED + 1) / 2).clamp(min=LEAST).log()
    loss = giou_log_loss(FIRST, SECOND)
    torch.testing.assert_close(loss, expected)
    names = list(BY_HAND)
    assert loss[names.index("equal")] == 0
    assert loss[names.index("touching")].item() == pytest.approx(math.log(2))
    assert loss[names.index("apart")].item() == pytest.approx(math.log(4))
    assert loss[names.index("two points")].item() == pytest.approx(16.118, abs=1e-3)


def test_gradients_are_finite_and_those_of_objects_nothing() -> None:
    boxes, targets = FIRST.clone().requires_grad_(), SECOND.clone().requires_grad_()
    giou_log_loss(boxes, targets).sum().backward()
    assert boxes.grad is not None and boxes.grad.isfinite().all()
    assert targets.grad is None
    boxes.grad = None
    giou(boxes, targets).sum().backward()
    assert boxes.grad.isfinite().all()


def test_far_boxes_keep_their_digits() -> None:
    """Unit boxes n apart in a row: union 2, enclosing n + 1, so the loss is ln(n + 1). With GIoU
    itself, near -1, float32 would have one digit left at a million."""
    for n in (10, 1000, 100_000, 1_000_000):
        boxes = torch.tensor([[0.0, 0, 1, 1]], requires_grad=True)
        loss = giou_log_loss(boxes, torch.tensor([[float(n), 0, n + 1, 1]]))
        assert loss.item() == pytest.approx(math.log(n + 1), rel=1e-5)
        loss.sum().backward()
        assert boxes.grad is not None and boxes.grad[0, 2] < 0  # to the right


def test_it_pulls_harder_at_bad_boxes_than_the_plain_loss() -> None:
    """The slope by GIoU is -1 / (GIoU + 1): half of the plain loss's at 1, ten times it at -0.9."""
    boxes = torch.tensor([[0.0, 0, 1, 1]], requires_grad=True)
    for distance in (0.01, 19.0):
        targets = torch.tensor([[distance, 0, distance + 1, 1]])
        value = giou(boxes, targets)
        (plain,) = torch.autograd.grad(1 - value, boxes)
        (logarithmic,) = torch.autograd.grad(giou_log_loss(boxes, targets), boxes)
        torch.testing.assert_close(logarithmic, plain / (value.detach() + 1), rtol=1e-4, atol=1e-6)


def test_as_torchvision() -> None:
    ops = pytest.importorskip("torchvision", reason="the mask family needs torchvision").ops
    first, second = random_boxes(300, 0), random_boxes(300, 1)
    expected = ops.generalized_box_iou(first, second).diagonal()
    torch.testing.assert_close(giou(first, second), expected, rtol=1e-5, atol=1e-6)
    loss = ops.generalized_box_iou_loss(first, second)
    torch.testing.assert_close(1 - giou(first, second), loss, rtol=1e-5, atol=2e-6)


def test_gradcheck() -> None:
    boxes = random_boxes(20, 2).double().requires_grad_()
    targets = random_boxes(20, 3).double()
    for function in (giou, giou_log_loss):
        assert torch.autograd.gradcheck(lambda b, f=function: f(b, targets), (boxes,))


def test_half_precision_is_computed_in_float32() -> None:
    boxes, targets = (random_boxes(5, seed).bfloat16() for seed in (4, 5))
    with torch.autocast("cpu", torch.bfloat16):
        loss = giou_log_loss(boxes, targets)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, giou_log_loss(boxes.float(), targets.float()))


def test_nothing_and_wrong_shapes() -> None:
    boxes = torch.zeros(0, 4, requires_grad=True)
    loss = giou_log_loss(boxes, torch.zeros(0, 4)).sum()
    loss.backward()
    assert loss == 0 and boxes.grad is not None
    with pytest.raises(ValueError, match="must both be"):
        giou(torch.zeros(3, 4), torch.zeros(1, 4))
