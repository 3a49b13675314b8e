"""The sum of the mask family's losses: shares of a step, weights, batches with nothing in them."""

from __future__ import annotations

import pytest

pytest.importorskip("torchvision", reason="the mask family needs torchvision: make mask")

import torch
from torch import Tensor

from dataset.contour.boundary_points import BoundaryLabels
from e2ec.losses.mask_total import (
    MaskTotalLoss,
    fc_box_losses,
    mask_iou_losses,
    mask_losses,
)
from e2ec.losses.sharp import sharp_loss
from network.mask.outputs import BoxSamples, MaskPrediction, MaskSamples, TrainingOutput


class Labels:
    def __init__(self, count: int, boundary: BoundaryLabels | None = None) -> None:
        self.images = torch.zeros(count, 3, 8, 8, dtype=torch.uint8)
        self.boundary = boundary


def box_samples(labels: list[int]) -> BoxSamples:
    n = len(labels)
    prediction = (torch.zeros(n, 3, requires_grad=True), torch.ones(n, 12, requires_grad=True))
    return BoxSamples(
        prediction=prediction,
        proposals=[torch.zeros(n, 4)],
        labels=[torch.tensor(labels, dtype=torch.int64)],
        matches=[torch.zeros(n, dtype=torch.int64)],
        movements=[torch.zeros(n, 4)],
        targets=[],
    )


def mask_samples(labels: list[int], ious: Tensor | None = None) -> MaskSamples:
    """Logits of class c are c; the label covers the left half."""
    n = len(labels)
    logits = torch.arange(3.0).view(1, 3, 1, 1).repeat(n, 1, 28, 28).requires_grad_()
    targets = torch.zeros(n, 28, 28)
    targets[:, :, :14] = 1
    return MaskSamples(
        prediction=MaskPrediction(logits),
        proposals=torch.zeros(n, 4),
        image_index=torch.zeros(n, dtype=torch.int64),
        labels=torch.tensor(labels, dtype=torch.int64),
        targets=targets,
        ious=ious,
        iou_targets=None if ious is None else torch.full((n,), 0.5),
    )


def output_of(images: int, labels: list[int]) -> TrainingOutput:
    rpn = {"objectness": torch.tensor(2.0), "rpn_box": torch.tensor(3.0)}
    positive = [label for label in labels if label]
    return TrainingOutput(images, rpn, box_samples(labels), mask_samples(positive))


def test_values_by_hand() -> None:
    """Three equal logits: ln 3. One of four samples is an object whose four coordinates are off by
    1, beyond 1/9: 4 (1 - 1/18) / 4. Logits 2 on a half: (ln(1 + e^-2) + ln(1 + e^2)) / 2."""
    boxes = fc_box_losses(box_samples([0, 2, 0, 0]))
    assert boxes["class"].item() == pytest.approx(1.0986123)
    assert boxes["box"].item() == pytest.approx(17 / 18)
    assert mask_losses(mask_samples([2]))["mask"].item() == pytest.approx((0.126928 + 2.126928) / 2)
    iou = mask_iou_losses(mask_samples([1, 2], torch.tensor([0.7, 0.1])))
    assert iou["mask_iou"].item() == pytest.approx((0.04 + 0.16) / 2)


def test_micro_batches_count_by_their_images() -> None:
    loss = MaskTotalLoss({}, boxes=fc_box_losses, masks=(mask_losses,))
    counts = torch.stack([loss.counts(Labels(n)) for n in (1, 3)]).sum(dim=0)
    assert counts.tolist() == [4]
    whole = loss(output_of(4, [0, 2]), Labels(4), counts, epoch=0)
    parts = [loss(output_of(n, [0, 2]), Labels(n), counts, epoch=0) for n in (1, 3)]
    assert list(whole) == ["objectness", "rpn_box", "class", "box", "mask", "total"]
    for name in whole:
        torch.testing.assert_close(parts[0][name] + parts[1][name], whole[name])
        torch.testing.assert_close(parts[0][name] * 3, parts[1][name])
    assert whole["objectness"] == 2 and whole["rpn_box"] == 3


def test_weights_go_into_the_total_alone() -> None:
    weights = {"objectness": 0.5, "mask": 0.0, "class": 2.0}
    loss = MaskTotalLoss(weights, boxes=fc_box_losses, masks=(mask_losses,))
    losses = loss(output_of(1, [0, 2]), Labels(1), torch.ones(1), epoch=0)
    expected = 0.5 * 2 + 3 + 2 * losses["class"] + losses["box"]
    torch.testing.assert_close(losses["total"], expected)
    assert losses["mask"] > 0


def test_nothing_to_learn_from_is_no_loss_and_has_a_gradient() -> None:
    boxes, masks = box_samples([]), mask_samples([], torch.zeros(0, requires_grad=True))
    losses = {**fc_box_losses(boxes), **mask_losses(masks), **mask_iou_losses(masks)}
    assert [loss.item() for loss in losses.values()] == [0, 0, 0, 0]
    sum(losses.values()).backward()
    assert all(part.grad is not None for part in boxes.prediction)
    assert masks.prediction.masks.grad is not None


def test_sharp_contour_learns_beside_the_others_or_alone() -> None:
    near = BoundaryLabels(
        boxes=torch.tensor([[0.0, 0, 8, 8]]),
        points=torch.zeros(1, 4, 2),
        outside=torch.tensor([[True, False, False, True]]),
        offsets=torch.zeros(1, 4, 2),
    )
    loss = MaskTotalLoss(
        {"sharp": 10.0}, boxes=fc_box_losses, masks=(mask_losses,), movement="classify"
    )
    labels, answers = Labels(2, near), torch.tensor([[[1.0], [-1], [2], [0]]])
    counts = loss.counts(labels)
    assert counts.tolist() == [2, 4, 2]
    alone = loss(TrainingOutput(2, at_points=answers), labels, counts, epoch=0)
    assert {*alone} == {"sharp", "total"}
    torch.testing.assert_close(alone["sharp"], sharp_loss(answers, near, counts[1:], "classify"))
    torch.testing.assert_close(alone["total"], 10 * alone["sharp"])
