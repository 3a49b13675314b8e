"""Losses of masks on contours: by themselves, and as a loss of a training step."""

from __future__ import annotations

from types import SimpleNamespace
from typing import get_args

import pytest
import torch

from e2ec.config import ContourLossConfig, LossConfig
from e2ec.contour_loss_config import MaskLoss
from e2ec.losses import total as total_module
from e2ec.losses.contour_as_mask import contour_as_mask_loss, label_boxes
from e2ec.losses.total import TotalLoss
from lib.ops import signed_distances

KINDS = get_args(MaskLoss)
STAGES = ("init", "coarse", "refine1", "refine2", "refine3")


def ellipses(count: int, vertices: int = 40) -> torch.Tensor:
    """(count, vertices, 2), of sizes from 20 to 60 pixels, on 256 x 256."""
    generator = torch.Generator().manual_seed(0)
    angles = torch.arange(vertices) * (2 * torch.pi / vertices)
    sizes = 10 + 20 * torch.rand(count, 1, 2, generator=generator)
    places = 40 + 170 * torch.rand(count, 1, 2, generator=generator)
    return places + sizes * torch.stack([angles.cos(), angles.sin()], dim=1)


def batch_and_output(label: torch.Tensor) -> tuple[SimpleNamespace, SimpleNamespace]:
    """Every stage is off by another number of pixels."""
    keys = torch.ones(label.shape[:2], dtype=torch.bool)
    batch = SimpleNamespace(
        heatmaps=torch.zeros(1, 1, 2, 2), ignored_cells=None, contours=label, keys=keys
    )
    stages = {name: (label + 5 - i).requires_grad_() for i, name in enumerate(STAGES)}
    heatmap = torch.zeros(1, 1, 2, 2)
    return batch, SimpleNamespace(heatmap=heatmap, stages=stages, object_centers=None)


def test_boxes_by_hand() -> None:
    """6 x 4 pixels and a quarter of it on each side; one that is a point gets a pixel."""
    label = torch.tensor([[[10.0, 20.0], [16.0, 22.0], [12.0, 24.0]], [[5.0, 5.0]] * 3])
    assert label_boxes(label, 0.25).tolist() == [[8.5, 19, 17.5, 25], [4.25, 4.25, 5.75, 5.75]]


@pytest.mark.parametrize("kind", KINDS)
def test_a_loss_of_its_own_kind_that_is_lowest_at_the_label(kind: MaskLoss) -> None:
    label = ellipses(4)
    settings = ContourLossConfig(kind=kind)
    losses = [contour_as_mask_loss(label + off, label, settings).item() for off in (0, 1, 2, 4)]
    assert losses == sorted(losses) and losses[1] > 1.5 * losses[0] >= 0
    assert kind == "contour" or losses[0] < 1e-6
    each = [contour_as_mask_loss(label[[i]] + 2, label[[i]], settings).item() for i in range(4)]
    assert losses[2] == pytest.approx(sum(each), rel=1e-4)  # a sum over contours


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_descent_brings_contours_to_their_labels(kind: MaskLoss) -> None:
    """Too far to the side by 4 % of the box, 6 % too large, and every vertex free to go anywhere:
    mean IoU rises from 0.85 to above 0.97."""
    label = ellipses(6)
    middle, sides = label.mean(dim=1, keepdim=True), label.amax(1) - label.amin(1)
    moved = middle + 1.06 * (label - middle) + 0.04 * sides[:, None]
    assert 0.8 < _mean_iou(moved, label) < 0.87
    optimizer = torch.optim.Adam([moved.requires_grad_()], lr=0.1)
    for _ in range(100):
        optimizer.zero_grad()
        contour_as_mask_loss(moved, label, ContourLossConfig(kind=kind)).backward()
        optimizer.step()
    assert _mean_iou(moved.detach(), label) > 0.97


def _mean_iou(first: torch.Tensor, second: torch.Tensor) -> float:
    """Of masks of 256 x 256 pixels of the whole place."""
    masks, others = (signed_distances(contours, 256, 256) > 0 for contours in (first, second))
    return ((masks & others).sum((1, 2)) / (masks | others).sum((1, 2))).mean().item()


@pytest.mark.parametrize("kind", KINDS)
def test_no_contours_and_labels_without_an_area(kind: MaskLoss) -> None:
    settings = ContourLossConfig(kind=kind)
    empty = torch.zeros(0, 8, 2, requires_grad=True)
    total = contour_as_mask_loss(empty, torch.zeros(0, 8, 2), settings)
    total.backward()
    assert total.item() == 0
    label = torch.full((2, 8, 2), 7.0)
    label[1, ::2, 0] += 9
    predicted = (label + torch.rand(2, 8, 2) * 3).requires_grad_()
    contour_as_mask_loss(predicted, label, settings).backward()
    assert predicted.grad is not None and predicted.grad.isfinite().all()


def test_off_nothing_is_computed_and_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(total_module, "contour_as_mask_loss", None)
    batch, output = batch_and_output(ellipses(3))
    loss = TotalLoss(LossConfig(contour=ContourLossConfig(start=0.0)), epochs=3)
    losses = loss(output, batch, loss.counts(batch), epoch=2)
    assert list(losses) == ["center", "initial", "coarse", "refinement", "total"]


@pytest.mark.parametrize(
    ("start", "epochs", "first"),
    [(0.667, 150, 100), (0.667, 180, 120), (0.667, 3, 2), (0.667, 1, 0), (1.0, 5, 4), (0.0, 5, 0)],
)
def test_it_sets_in_after_a_share_of_the_epochs(start: float, epochs: int, first: int) -> None:
    batch, output = batch_and_output(ellipses(2))
    config = LossConfig(contour_weight=3.0, contour=ContourLossConfig(start=start))
    loss = TotalLoss(config, epochs=epochs)
    counts, plain = loss.counts(batch), TotalLoss(LossConfig())
    for epoch in (first - 1, first):
        if epoch < 0:
            continue
        losses = loss(output, batch, counts, epoch=epoch)
        without = plain(output, batch, counts, epoch=epoch)["total"]
        assert (losses["contour"] > 0) == (epoch == first)
        assert losses["total"].item() == pytest.approx((without + 3 * losses["contour"]).item())


@pytest.mark.parametrize("stage", [None, *STAGES])
def test_the_named_stage_alone_is_supervised(stage: str | None) -> None:
    label = ellipses(3)
    batch, output = batch_and_output(label)
    settings = ContourLossConfig(stage=stage, start=0.0, kind="dice")
    loss = TotalLoss(LossConfig(contour_weight=1.0, contour=settings))
    found = loss(output, batch, loss.counts(batch), epoch=0)["contour"]
    named = output.stages[stage or "refine3"]
    expected = contour_as_mask_loss(named, label, settings) / 3
    assert found.item() == pytest.approx(expected.item())
    found.backward()
    assert {name for name, s in output.stages.items() if s.grad is not None} == {stage or "refine3"}


@pytest.mark.parametrize("average", [True, False])
def test_all_refinements_are_supervised_together(average: bool) -> None:
    """Their mean or their sum, as of the other losses of refinements; no other stage learns."""
    label = ellipses(3)
    batch, output = batch_and_output(label)
    settings = ContourLossConfig(stage="refinements", start=0.0, kind="dice")
    config = LossConfig(contour_weight=1.0, contour=settings, average_refinements=average)
    loss = TotalLoss(config)
    found = loss(output, batch, loss.counts(batch), epoch=0)["contour"]
    each = [contour_as_mask_loss(output.stages[n], label, settings).item() / 3 for n in STAGES[2:]]
    assert len(set(each)) == 3  # they are off by 3, 2 and 1 pixels
    assert found.item() == pytest.approx(sum(each) / (3 if average else 1))
    found.backward()
    assert {name for name, s in output.stages.items() if s.grad is not None} == set(STAGES[2:])


def test_micro_batches_do_not_change_the_result() -> None:
    label = ellipses(5)
    config = LossConfig(contour_weight=1.0, contour=ContourLossConfig(start=0.0))
    loss = TotalLoss(config)
    batch, output = batch_and_output(label)
    counts = loss.counts(batch)
    whole = loss(output, batch, counts, epoch=0)["contour"].item()
    parts = 0.0
    for part in (label[:1], label[1:]):
        own, its_output = batch_and_output(part)
        parts += loss(its_output, own, counts, epoch=0)["contour"].item()
    assert parts == pytest.approx(whole, rel=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stage": "final"}, "init, coarse, refine1"),
        ({"stage": "refine0"}, "init, coarse, refine1"),
        ({"start": 1.5}, r"start must lie in \[0, 1\]"),
        ({"k": 0}, "k must be positive"),
        ({"grid": 3}, "grid must lie between"),
        ({"margin": -0.1}, "margin must lie"),
        ({"softness": 0.0}, "softness must be positive"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=rf"^loss\.contour\..*{message}"):
        ContourLossConfig(**settings)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="contour_weight must not be negative"):
        LossConfig(contour_weight=-1.0)
