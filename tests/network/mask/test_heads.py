"""The second stage: mask scoring, and how other heads are plugged in."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("torchvision", reason="the mask family needs torchvision: make mask")

import numpy as np
import torch
from mask_case import CLASSES, TARGETS, TINY, Fixed, objects, scene, tiny_network
from torch import Tensor, nn
from torchvision.ops import MultiScaleRoIAlign

from e2ec.losses.mask_total import mask_iou_losses
from network.mask.build import build_mask_network
from network.mask.mask_iou import MaskIouHead, mask_iou_targets, shares_inside
from network.mask.outputs import MaskPrediction, MaskSamples
from network.mask.roi import MaskRoIHeads


def test_sizes_of_the_mask_iou_head() -> None:
    """From the paper: 257 -> 256 channels, three of 256, 7x7x256 -> 1024 -> 1024 -> K."""
    head = MaskIouHead(256, 80)
    convolutions = 257 * 256 * 9 + 256 + 3 * (256 * 256 * 9 + 256)
    connected = 256 * 49 * 1024 + 1024 + 1024 * 1024 + 1024 + 1024 * 80 + 80
    assert sum(p.numel() for p in head.parameters()) == convolutions + connected
    small = MaskIouHead(4, 3)
    assert small(torch.rand(2, 4, 14, 14), torch.rand(2, 28, 28)).shape == (2, 3)
    assert small(torch.rand(0, 4, 14, 14), torch.rand(0, 28, 28)).shape == (0, 3)


def test_the_mask_iou_head_sees_the_mask() -> None:
    head = MaskIouHead(4, 3)
    features = torch.rand(1, 4, 14, 14)
    empty, full = (head(features, torch.full((1, 28, 28), value)) for value in (0.0, 1.0))
    assert (empty - full).abs().max() > 1e-3


def test_shares_inside_are_counted_by_parts_of_pixels() -> None:
    generator = torch.Generator().manual_seed(0)
    masks = (torch.rand(2, 9, 12, generator=generator) > 0.5).byte()
    low = torch.rand(6, 2, generator=generator) * 6
    boxes = torch.cat([low, low + torch.rand(6, 2, generator=generator) * 8], dim=1)
    index = torch.tensor([0, 1, 1, 0, 1, 0])
    shares = shares_inside(masks, boxes, index)
    for share, box, i in zip(shares, boxes.tolist(), index.tolist(), strict=True):
        area = 0.0
        for y, x in np.argwhere(masks[i].numpy()):
            across = max(0.0, min(box[2], x + 1) - max(box[0], x))
            area += across * max(0.0, min(box[3], y + 1) - max(box[1], y))
        assert share.item() == pytest.approx(area / int(masks[i].sum()), abs=1e-5)
    whole = shares_inside(masks, torch.tensor([[-5.0, -5, 50, 50]]), torch.tensor([1]))
    assert whole.item() == pytest.approx(1)
    assert shares_inside(masks, boxes[:0], index[:0]).shape == (0,)


def test_mask_iou_targets_count_the_whole_label() -> None:
    """Slow: both masks as pixels of the image. Cells of the box are 2x2 pixels here."""
    generator = torch.Generator().manual_seed(1)
    blocks = np.kron((torch.rand(40, 40, generator=generator) > 0.4).numpy(), np.ones((2, 2), bool))
    predicted = torch.rand(3, 28, 28, generator=generator)
    boxes = torch.tensor([[0.0, 0, 56, 56], [24, 20, 80, 76], [4, 16, 60, 72]])
    targets, slow = [], []
    for mask, (x0, y0, x1, y1) in zip(predicted.numpy(), boxes.int().tolist(), strict=True):
        targets.append(blocks[y0:y1:2, x0:x1:2])
        pasted = np.zeros_like(blocks)
        pasted[y0:y1, x0:x1] = np.kron(mask > 0.5, np.ones((2, 2), bool))
        slow.append((pasted & blocks).sum() / (pasted | blocks).sum())
    label = torch.from_numpy(np.stack(targets)).float()
    inside = shares_inside(torch.from_numpy(blocks)[None], boxes, torch.zeros(3, dtype=torch.int64))
    assert (inside < 0.9).all()
    ious = mask_iou_targets(predicted, label, inside)
    torch.testing.assert_close(ious, torch.tensor(slow, dtype=torch.float32), atol=1e-5, rtol=0)


def test_mask_iou_targets_of_extremes() -> None:
    label = torch.zeros(3, 28, 28)
    label[:, :14] = 1
    predicted = label.clone()
    predicted[1] = 0
    predicted[2] = 1
    ious = mask_iou_targets(predicted, label, torch.tensor([1.0, 1.0, 0.5]))
    # All of it; nothing; 14 rows of a label of 28, in a mask of 28 rows: 14 / (28 + 28 - 14).
    assert ious.tolist() == pytest.approx([1, 0, 1 / 3])
    outside = mask_iou_targets(predicted[:1], 0 * label[:1], torch.zeros(1))
    assert outside.tolist() == [0]


def test_mask_iou_learns_from_positive_proposals() -> None:
    network = tiny_network()
    heads = network.roi_heads
    heads.mask_iou = MaskIouHead(256, CLASSES)
    images, sizes = scene()
    masks = network(images, sizes, TARGETS, torch.tensor([1, 2])).masks
    assert masks.ious.shape == masks.iou_targets.shape == masks.labels.shape
    assert not masks.iou_targets.requires_grad
    assert ((masks.iou_targets >= 0) & (masks.iou_targets <= 1)).all()
    assert masks.iou_targets.max() > 0.1
    loss = mask_iou_losses(masks)["mask_iou"]
    slow = ((masks.ious - masks.iou_targets) ** 2).mean()
    torch.testing.assert_close(loss, slow)
    loss.backward()
    assert heads.mask_iou.ious.weight.grad.abs().sum() > 0
    # Through the mask, too: the paper's network is one.
    assert heads.mask_predictor.mask_fcn_logits.weight.grad.abs().sum() > 0


def test_scores_are_multiplied_by_mask_ious() -> None:
    network = tiny_network().eval()
    images, sizes = scene()
    limits = {"score_threshold": 0.0, "max_detections": 3}
    with torch.no_grad():
        plain = network(images, sizes, **limits)
        network.roi_heads.mask_iou = Fixed(torch.tensor([0.25, 1.5, -1.0]))
        scored = network(images, sizes, **limits)
    factor = torch.tensor([0.25, 1.0, 0.0])[plain.classes]
    for i in range(2):
        mine, other = plain.image_index == i, scored.image_index == i
        expected = (plain.scores * factor)[mine].sort(descending=True).values
        torch.testing.assert_close(scored.scores[other], expected)
    # Masks and boxes go along.
    for box, mask, label in zip(scored.boxes, scored.masks, scored.classes, strict=True):
        (row,) = torch.where((plain.boxes == box).all(dim=1))[0]
        assert torch.equal(plain.masks[row], mask) and plain.classes[row] == label


class TwoMaps(nn.Module):
    """A mask head of another kind: it sees fine features too, and says two things."""

    def forward(self, features: Tensor, fine: Tensor) -> tuple[Tensor, Tensor]:
        assert features.shape[2:] == (14, 14) and fine.shape[2:] == (28, 28)
        masks = features[:, : CLASSES + 1].repeat_interleave(2, 2).repeat_interleave(2, 3)
        return masks, fine[:, : CLASSES + 1]


def test_another_mask_head() -> None:
    network = tiny_network()
    old = network.roi_heads
    network.roi_heads = MaskRoIHeads(
        box_roi_pool=old.box_roi_pool,
        box_head=old.box_head,
        box_predictor=old.box_predictor,
        mask_roi_pool=old.mask_roi_pool,
        mask_head=TwoMaps(),
        mask_predictor=nn.Identity(),
        samples=8,
        boundary_roi_pool=MultiScaleRoIAlign(["0"], 28, 2),
        mask_outputs=("masks", "boundaries"),
    )
    images, sizes = scene()
    masks = network(images, sizes, TARGETS, torch.tensor([1, 2])).masks
    assert masks.prediction.masks.shape == masks.prediction.boundaries.shape
    assert masks.targets.shape == (len(masks.labels), 28, 28)
    assert masks.prediction.edges is None
    found = network.eval()(images, sizes, score_threshold=0.0, max_detections=2)
    assert found.masks.shape == (4, 28, 28)


def test_another_box_head_with_one_candidate_a_proposal() -> None:
    """With one class torchvision's has one too: a decoder that says the same finds the same."""
    torch.manual_seed(0)
    network = build_mask_network(TINY, 1).eval()
    heads = network.roi_heads
    images, sizes = scene(padded=True)

    def decode(prediction: tuple[Tensor, Tensor], proposals: Tensor):
        logits, movements = prediction
        boxes = heads.box_coder.decode(movements, [proposals])[:, 1]
        return boxes, logits.softmax(-1)[:, 1], torch.ones(len(proposals), dtype=torch.int64)

    with torch.no_grad():
        theirs = network(images, sizes, score_threshold=0.3, max_detections=4)
        heads.box_decoder = decode
        ours = network(images, sizes, score_threshold=0.3, max_detections=4)
        nothing = network(images, sizes, score_threshold=1.0)
    assert len(ours.boxes) == len(theirs.boxes) > 2
    torch.testing.assert_close(ours.boxes, theirs.boxes)
    torch.testing.assert_close(ours.scores, theirs.scores)
    torch.testing.assert_close(ours.masks, theirs.masks)
    assert nothing.boxes.shape == (0, 4)


def test_mask_targets_are_of_the_matched_label() -> None:
    """Two labels in one box: each proposal has its own one's mask."""
    network = tiny_network(replace(TINY, samples=64))  # enough for all objects
    images, sizes = scene(1)
    both = objects([[8, 8, 36, 36], [40, 8, 68, 36]], [1, 2])
    both["masks"][1] = 0
    both["masks"][1, 8:22, 40:68] = 1
    masks: MaskSamples = network(images, sizes, [both], torch.tensor([3])).masks
    assert isinstance(masks.prediction, MaskPrediction)
    exact = {tuple(box): i for i, box in enumerate(both["boxes"].tolist())}
    seen = set()
    for one, label, target in zip(masks.proposals, masks.labels, masks.targets, strict=True):
        number = exact.get(tuple(one.tolist()))
        if number is not None:
            seen.add(number)
            assert label == both["labels"][number]
            if label == 2:
                assert target[:13, :27].min() == 1 and target[15:].max() == 0
    assert seen == {0, 1}
