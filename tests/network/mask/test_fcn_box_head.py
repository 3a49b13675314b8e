"""SEANet's box head: geometry by hand and against slow versions; what its switches do."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from network.mask.fcn_box_head import (
    FARTHEST,
    FcnBoxHead,
    FcnBoxPrediction,
    best_boxes,
    cell_centers,
    cell_targets,
    decode_boxes,
)


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def random_proposals(count: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    corner = torch.rand(count, 2, generator=generator) * 60
    return torch.cat([corner, corner + 5 + torch.rand(count, 2, generator=generator) * 50], 1)


def test_centres_by_hand() -> None:
    """A proposal of 14 x 28 pixels at (10, 20): cells of 2 x 4, centres from (11, 22) (eq. 1)."""
    centers = cell_centers(torch.tensor([[10.0, 20, 24, 48]]))
    assert centers.shape == (1, 7, 7, 2)
    assert centers[0, 0, 0].tolist() == [11, 22]
    assert centers[0, 0, 6].tolist() == pytest.approx([23, 22])  # x along columns
    assert centers[0, 6, 0].tolist() == pytest.approx([11, 46])


def test_boxes_by_hand() -> None:
    """Half a side each way around (11, 22) of the proposal above: 14 x 28 pixels."""
    proposals = torch.tensor([[10.0, 20, 24, 48]])
    boxes = decode_boxes(torch.full((1, 4, 7, 7), 0.5), proposals)
    assert boxes[0, 0, 0].tolist() == pytest.approx([4, 8, 18, 36])
    distances = torch.tensor([1.0, 2, 3, 4])[None, :, None, None].expand(1, 4, 7, 7)
    boxes = decode_boxes(distances, proposals)
    assert boxes[0, 0, 0].tolist() == pytest.approx([11 - 14, 22 - 56, 11 + 42, 22 + 112])


def test_true_distances_give_the_objects_back() -> None:
    """Distances from the centres to the objects' sides, in sides of the proposal, decode to it."""
    proposals, objects = random_proposals(6), random_proposals(6, 1)
    centers = cell_centers(proposals)
    sides = (proposals[:, 2:] - proposals[:, :2])[:, None, None]
    ways = torch.cat(
        [
            (centers - objects[:, None, None, :2]) / sides,
            (objects[:, None, None, 2:] - centers) / sides,
        ],
        -1,
    )
    boxes = decode_boxes(ways.permute(0, 3, 1, 2), proposals)
    torch.testing.assert_close(boxes, objects[:, None, None].expand_as(boxes))


def test_cells_by_hand() -> None:
    """Centres 0.5 ... 6.5. Two boxes overlap in the columns 2 to 4; the proposal overlaps the
    first, of 5 columns, more (35/49) than the second (35/70 of a wider union)."""
    proposals = torch.tensor([[0.0, 0, 7, 7]])
    boxes = torch.tensor([[2.0, 0, 12, 7], [0.0, 0, 5, 7]])
    targets = cell_targets(proposals, boxes, torch.tensor([3, 1]))
    assert targets.classes[0, 0].tolist() == [1, 1, 1, 1, 1, 3, 3]
    assert torch.equal(targets.boxes[0, 0, 4], boxes[1])
    assert torch.equal(targets.boxes[0, 0, 5], boxes[0])


def test_cells_are_the_slow_version() -> None:
    proposals, boxes = random_proposals(15, 2), random_proposals(5, 3)
    boxes[4] = boxes[0]  # two objects of one box: the first counts
    labels = torch.tensor([4, 2, 2, 1, 3])
    targets = cell_targets(proposals, boxes, labels)
    centers = cell_centers(proposals)
    seen = set()
    for n, (px0, py0, px1, py1) in enumerate(proposals.tolist()):
        overlaps = []
        for x0, y0, x1, y1 in boxes.tolist():
            width, height = min(x1, px1) - max(x0, px0), min(y1, py1) - max(y0, py0)
            common = max(width, 0) * max(height, 0)
            both = (px1 - px0) * (py1 - py0) + (x1 - x0) * (y1 - y0)
            overlaps.append(common / (both - common))
        for row in range(7):
            for column in range(7):
                x, y = centers[n, row, column].tolist()
                around = [
                    m
                    for m, (x0, y0, x1, y1) in enumerate(boxes.tolist())
                    if x0 < x < x1 and y0 < y < y1
                ]
                seen.add(len(around))
                label = int(targets.classes[n, row, column])
                if not around:
                    assert label == 0 and not targets.boxes[n, row, column].any()
                    continue
                owner = max(around, key=lambda m: overlaps[m])  # the first of equal ones
                assert label == labels[owner]
                assert torch.equal(targets.boxes[n, row, column], boxes[owner])
    assert {0, 1, 2} <= seen


def test_images_without_objects_and_objects_without_proposals() -> None:
    proposals = random_proposals(3)
    targets = cell_targets(proposals, proposals[:0], torch.zeros(0, dtype=torch.int64))
    assert targets.classes.shape == (3, 7, 7) and not targets.classes.any()
    assert targets.boxes.shape == (3, 7, 7, 4)
    targets = cell_targets(proposals[:0], proposals, torch.ones(3, dtype=torch.int64))
    assert targets.classes.shape == (0, 7, 7) and targets.boxes.shape == (0, 7, 7, 4)


def prediction_by_hand(iou: Tensor | None) -> FcnBoxPrediction:
    """Two classes; cell (2, 3) is the surest of class 1, with 0.9; cell (5, 1) has 0.6 of class 0.
    Everything else has 0.01, and all boxes reach half a side each way."""
    probabilities = torch.full((1, 2, 7, 7), 0.01)
    probabilities[0, 1, 2, 3] = 0.9
    probabilities[0, 0, 5, 1] = 0.6
    return FcnBoxPrediction(probabilities.logit(), torch.full((1, 4, 7, 7), 0.5), iou)


def test_the_predicted_iou_decides_between_cells() -> None:
    """0.9 * 0.5 = 0.45 loses to 0.6 * 0.8 = 0.48; without the branch 0.9 wins."""
    proposals = torch.tensor([[0.0, 0, 7, 7]])
    iou = torch.full((1, 7, 7), 0.1)
    iou[0, 2, 3], iou[0, 5, 1] = 0.5, 0.8
    best = best_boxes(prediction_by_hand(iou), proposals)
    assert best.classes.tolist() == [0]
    assert best.scores.tolist() == pytest.approx([0.48])
    assert best.boxes[0].tolist() == pytest.approx([-2, 2, 5, 9])  # around (1.5, 5.5)
    plain = best_boxes(prediction_by_hand(None), proposals)
    assert plain.classes.tolist() == [1]
    assert plain.scores.tolist() == pytest.approx([0.9])
    assert plain.boxes[0].tolist() == pytest.approx([0, -1, 7, 6])  # around (3.5, 2.5)


def test_scores_stay_within_0_and_1() -> None:
    """A GIoU below 0 gives 0, one above 1 counts as 1."""
    proposals = torch.tensor([[0.0, 0, 7, 7]])
    below = best_boxes(prediction_by_hand(torch.full((1, 7, 7), -0.3)), proposals)
    assert below.scores.tolist() == [0]
    above = best_boxes(prediction_by_hand(torch.full((1, 7, 7), 1.7)), proposals)
    assert above.scores.tolist() == pytest.approx([0.9])


def test_the_best_is_the_slow_version() -> None:
    generator = torch.Generator().manual_seed(5)
    proposals = random_proposals(4)
    prediction = FcnBoxPrediction(
        torch.randn(4, 3, 7, 7, generator=generator),
        torch.rand(4, 4, 7, 7, generator=generator) + 0.1,
        torch.rand(4, 7, 7, generator=generator),
    )
    assert prediction.iou is not None
    best = best_boxes(prediction, proposals)
    boxes = decode_boxes(prediction.distances, proposals)
    for n in range(4):
        score, k, y, x = max(
            (float(prediction.classes[n, k, y, x].sigmoid() * prediction.iou[n, y, x]), k, y, x)
            for k in range(3)
            for y in range(7)
            for x in range(7)
        )
        assert best.scores[n].item() == pytest.approx(score)
        assert best.classes[n] == k
        assert torch.equal(best.boxes[n], boxes[n, y, x])


def test_shapes_and_what_a_new_head_says() -> None:
    """Before training: every class about 1 %, boxes about as large as their proposals."""
    torch.manual_seed(0)
    prediction = FcnBoxHead(16, 5)(torch.randn(3, 16, 7, 7))
    assert prediction.iou is not None
    shapes = [tuple(tensor.shape) for tensor in prediction if tensor is not None]
    assert shapes == [(3, 5, 7, 7), (3, 4, 7, 7), (3, 7, 7)]
    assert prediction.classes.sigmoid().mean().item() == pytest.approx(0.01, abs=0.005)
    assert prediction.distances.mean().item() == pytest.approx(0.5, abs=0.1)
    assert FcnBoxHead(16, 5, box_iou=False)(torch.randn(1, 16, 7, 7)).iou is None


def test_the_iou_branch_reads_proposal_and_regression() -> None:
    """B-IoU depends on both; the other two outputs on neither of its parameters."""
    torch.manual_seed(0)
    head = FcnBoxHead(8, 2).double()
    prediction = head(torch.randn(2, 8, 7, 7, dtype=torch.float64))
    prediction.iou.sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in head.box_branch.parameters())
    assert all(p.grad is None for p in head.class_branch.parameters())
    assert head.iou_branch is not None
    with torch.no_grad():
        joined = head.iou_branch[0][0].weight
        assert joined.shape == (8, 16, 1, 1)
        assert joined.grad[:, :8].any() and joined.grad[:, 8:].any()


def test_distances_stay_positive_and_finite() -> None:
    head = FcnBoxHead(4, 1, convolutions=1)
    for bias in (-80.0, 80.0):
        nn.init.constant_(head.distances.bias, bias)
        distances = head(torch.zeros(1, 4, 7, 7)).distances
        assert (distances > 0).all() and distances.max() <= FARTHEST * (1 + 1e-5)


def test_no_proposals_have_a_gradient_path() -> None:
    head = FcnBoxHead(4, 2, convolutions=2)
    prediction = head(torch.zeros(0, 4, 7, 7))
    assert prediction.classes.shape == (0, 2, 7, 7) and prediction.iou.shape == (0, 7, 7)
    sum(tensor.sum() for tensor in prediction).backward()
    assert all(p.grad is not None and not p.grad.any() for p in head.parameters())
    best = best_boxes(prediction, torch.zeros(0, 4))
    assert [tuple(t.shape) for t in best] == [(0, 4), (0,), (0,)]


def test_a_batch_is_its_proposals_one_by_one() -> None:
    torch.manual_seed(0)
    head = FcnBoxHead(4, 2, convolutions=2).double()
    features = torch.randn(3, 4, 7, 7, dtype=torch.float64)
    together = head(features)
    alone = [head(features[i : i + 1]) for i in range(3)]
    for number, tensor in enumerate(together):
        torch.testing.assert_close(tensor, torch.cat([one[number] for one in alone]))


def test_predictions_are_float32_under_autocast() -> None:
    head = FcnBoxHead(4, 2, convolutions=1)
    with torch.autocast("cpu", torch.bfloat16):
        prediction = head(torch.randn(1, 4, 7, 7))
    assert all(tensor.dtype == torch.float32 for tensor in prediction)


def test_size_against_table_6() -> None:
    """15 convolutions of 9 * 256 * 256 + 256, one of 512 * 256 + 256, predictors of 80 + 4 + 1
    outputs of 9 * 256 + 1. With it, in place of Mask R-CNN's box head of 14,310,805, the network of
    63.17 M has 58.04 M, as in table 6."""
    with torch.device("meta"):
        size = parameters(FcnBoxHead(256, 80))
        without = parameters(FcnBoxHead(256, 80, box_iou=False))
    assert size == 15 * 590_080 + 131_328 + 85 * 2_305 == 9_178_453
    assert without == 10 * 590_080 + 84 * 2_305 == 6_094_420
    assert round((63_167_477 - 14_310_805 + size) / 1e6, 2) == 58.04
