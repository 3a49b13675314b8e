"""What supervises the refinements: by hand, against slow versions, and as published by default."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from e2ec.config import LossConfig
from e2ec.losses.dynamic_matching import dynamic_matching_loss
from e2ec.losses.refinement import refinement_loss
from e2ec.losses.smooth_l1 import smooth_l1

SQUARE = torch.tensor([[[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0]]])


def loss_of(
    stages: dict[str, Tensor], label: Tensor, keys: Tensor | None = None, **settings: Any
) -> Tensor:
    """In an epoch with matching; every vertex is a key where none are named."""
    keys = torch.ones(label.shape[:2], dtype=torch.bool) if keys is None else keys
    counts = torch.tensor(float(len(label))), keys.sum().float()
    return refinement_loss(stages, label, keys, *counts, LossConfig(**settings), epoch=10)


def random_stages(modules: int = 3) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """Stages near labels of six contours, the labels, and their keys."""
    generator = torch.Generator().manual_seed(0)
    label = torch.rand(6, 20, 2, generator=generator, dtype=torch.float64) * 60
    names = ("coarse", *(f"refine{k + 1}" for k in range(modules)))
    stages = {
        name: (label + 4 * torch.randn(6, 20, 2, generator=generator)).requires_grad_()
        for name in names
    }
    keys = torch.rand(6, 20, generator=generator) < 0.3
    keys[:, 0] = True
    return stages, label, keys


@pytest.mark.parametrize("modules", [1, 2, 3])
def test_by_default_it_is_the_published_one_to_the_last_bit(modules: int) -> None:
    stages, label, keys = random_stages(modules)
    names = list(stages)
    contours, count = torch.tensor(6.0), keys.sum().float()
    plain = [smooth_l1(stages[name], label) for name in names[1:-1]] or [label.sum() * 0]
    sums = dynamic_matching_loss(stages[names[-2]], stages[names[-1]], label, keys)
    matched = (sums.to_boundary / contours + sums.from_keys / count) / 2
    expected = (torch.stack(plain).sum() / contours + matched) / modules
    found = refinement_loss(stages, label, keys, contours, count, LossConfig(), epoch=10)
    assert torch.equal(found, expected)
    learning = [stages[name] for name in names[1:]]
    gradients = [torch.autograd.grad(one, learning) for one in (found, expected)]
    assert all(torch.equal(*pair) for pair in zip(*gradients, strict=True))


@pytest.mark.parametrize(
    ("directions", "expected"), [("both", 0.625), ("to_boundary", 1.0), ("from_keys", 0.25)]
)
def test_one_direction_alone_by_hand(directions: str, expected: float) -> None:
    """The contour before is the label numbered one further, the one after is off by 1, 2, 3 and 4
    in one coordinate: (a) (0.5 + 1.5 + 2.5 + 3.5) / 8; (b) the one key, off by 1: 0.5 / 2."""
    before = SQUARE.roll(-1, dims=1)
    after = before + torch.tensor([[[1.0, 0.0], [0.0, 2.0], [3.0, 0.0], [0.0, 4.0]]])
    keys = torch.tensor([[False, True, False, False]])
    stages = {"coarse": before, "refine1": after}
    found = loss_of(stages, SQUARE, keys, matching_directions=directions)
    assert found.item() == pytest.approx(expected)


@pytest.mark.parametrize(("average", "expected"), [("keys", 1.1), ("contours", 2.0)])
def test_averages_over_keys_and_over_contours_by_hand(average: str, expected: float) -> None:
    """Four keys off by 1 in x and y (0.5 each), one of another contour off by 4 (3.5): together
    (4 x 0.5 + 3.5) / 5, by contour (0.5 + 3.5) / 2."""
    label = SQUARE.repeat(2, 1, 1)
    keys = torch.tensor([[True] * 4, [True, False, False, False]])
    stages = {"coarse": label, "refine1": label + torch.tensor([1.0, 4.0])[:, None, None]}
    settings = {"matching_directions": "from_keys", "matching_average": average}
    assert loss_of(stages, label, keys, **settings).item() == pytest.approx(expected)


def test_averages_over_contours_add_up_over_micro_batches() -> None:
    """The parts of a step are divided by the counts of the whole, as the engine does."""
    stages, label, keys = random_stages()
    counts = torch.tensor(6.0), keys.sum().float()
    config = LossConfig(matching_average="contours")
    whole = refinement_loss(stages, label, keys, *counts, config, epoch=10)
    parts = sum(
        refinement_loss(
            {name: stage[own] for name, stage in stages.items()},
            label[own], keys[own], *counts, config, epoch=10,
        )
        for own in (slice(0, 2), slice(2, 6))
    )  # fmt: skip
    assert torch.allclose(whole, parts, rtol=1e-12)


@pytest.mark.parametrize(("stages", "expected"), [("last", 0.90625), ("all", 3.15625)])
def test_matching_of_all_refinements_by_hand(stages: str, expected: float) -> None:
    """The coarse contour is the label numbered one further, refine1 the label moved by 1 in x and
    y, refine2 by 2.

    refine2, paired on refine1: (a) (1, 0), (10, 1), (10, 10) and (1, 10), so off by (1, 2), (2, 1),
    (2, 2), (1, 2): (2 + 2 + 3 + 2) / 8; (b) 1.5 a key; 1.3125 in the middle. refine1 costs 0.5 in
    smooth L1; paired on the coarse contour every vertex belongs to the next corner: (a)
    (9 + 9 + 11 + 11) / 8 and (b) (5.5 + 4.5 + 4.5 + 5.5) / 4, both 5. Two modules share the sum.
    """
    contours = {"coarse": SQUARE.roll(-1, dims=1), "refine1": SQUARE + 1, "refine2": SQUARE + 2}
    assert loss_of(contours, SQUARE, matching_stages=stages).item() == pytest.approx(expected)


@pytest.mark.parametrize("epoch", [0, 9, 10, 50])
def test_smooth_l1_stays_for_all_epochs(epoch: int) -> None:
    stages, label, keys = random_stages()
    counts = torch.tensor(6.0), keys.sum().float()
    found = refinement_loss(
        stages, label, keys, *counts, LossConfig(last_stage="smooth_l1"), epoch=epoch
    )
    expected = sum(smooth_l1(stages[f"refine{k}"], label) for k in (1, 2, 3)) / 6 / 3
    assert torch.allclose(found, expected, rtol=1e-12)
    before = refinement_loss(stages, label, keys, *counts, LossConfig(), epoch=9)
    assert torch.equal(found, before)  # of an epoch before matching


def test_chamfer_by_hand() -> None:
    """The square moved by 2 in x: two corners lie on the label's boundary, two are 2 off (1.5): (a)
    3 / 8; every corner of the label is 2 from one of the contour's: (b) 1.5 / 2."""
    stages = {"coarse": SQUARE + 50, "refine1": SQUARE + torch.tensor([2.0, 0.0])}
    found = loss_of(stages, SQUARE, last_stage="chamfer")
    assert found.item() == pytest.approx((0.375 + 0.75) / 2)


@pytest.mark.parametrize("distance", ["smooth_l1", "l1"])
def test_chamfer_is_that_of_a_slow_version(distance: str) -> None:
    """Every vertex with every point of the subdivided label, one after the other."""
    stages, label, keys = random_stages(modules=1)
    function = F.l1_loss if distance == "l1" else F.smooth_l1_loss
    total = 0.0
    for contour, own in zip(stages["refine1"].detach(), label, strict=True):
        following = own.roll(-1, dims=0)
        boundary = [
            a + k / 10 * (b - a) for a, b in zip(own, following, strict=True) for k in range(10)
        ]
        for points, others in ((contour, boundary), (own, list(contour))):
            nearest = [
                min(others, key=lambda q, p=p: float((p - q).square().sum())) for p in points
            ]
            each = [function(p, q) for p, q in zip(points, nearest, strict=True)]
            total += torch.stack(each).mean() / 2
    found = loss_of(stages, label, keys, last_stage="chamfer", matching_distance=distance)
    assert torch.allclose(found, total / 6, rtol=1e-9)


def test_chamfer_knows_no_order_and_no_keys() -> None:
    """The pairs of dynamic matching are found before the module, and follow the vertices' order."""
    stages, label, keys = random_stages(modules=1)
    order = torch.randperm(20, generator=torch.Generator().manual_seed(1))
    shuffled = stages | {"refine1": stages["refine1"][:, order]}
    first = loss_of(stages, label, keys, last_stage="chamfer")
    second = loss_of(shuffled, label, ~keys, last_stage="chamfer")
    assert torch.allclose(first, second, rtol=1e-12)
    assert not torch.allclose(loss_of(stages, label, keys), loss_of(shuffled, label, keys))
    early = refinement_loss(
        stages, label, keys, torch.tensor(6.0), torch.tensor(1.0),
        LossConfig(last_stage="chamfer"), epoch=9,
    )  # fmt: skip
    assert torch.allclose(early, smooth_l1(stages["refine1"], label) / 6, rtol=1e-12)


@pytest.mark.parametrize(
    "settings",
    [
        {"last_stage": "chamfer"},
        {"matching_stages": "all"},
        {"matching_average": "contours"},
        {"matching_directions": "from_keys"},
        {"matching_directions": "to_boundary"},
    ],
)
def test_no_contours_give_zero_and_train(settings: dict[str, str]) -> None:
    stages = {name: torch.zeros(0, 4, 2, requires_grad=True) for name in ("coarse", "refine1")}
    keys = torch.zeros(0, 4, dtype=torch.bool)
    counts = torch.ones(2).unbind()
    label = torch.zeros(0, 4, 2)
    loss = refinement_loss(stages, label, keys, *counts, LossConfig(**settings), epoch=10)
    loss.backward()
    assert loss.item() == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"last_stage": "hungarian"}, "loss.last_stage must be one of matching, smooth_l1, "),
        ({"matching_directions": "from_boundary"}, "loss.matching_directions must be one of"),
        (
            {"last_stage": "smooth_l1", "matching_distance": "l1"},
            "loss.matching_distance l1 has no effect with loss.last_stage smooth_l1",
        ),
        (
            {"last_stage": "chamfer", "matching_average": "contours"},
            "loss.matching_average contours has no effect with loss.last_stage chamfer",
        ),
        (
            {"last_stage": "smooth_l1", "matching_stages": "all"},
            "loss.matching_stages all has no effect with loss.last_stage smooth_l1",
        ),
        (
            {"matching_directions": "to_boundary", "matching_average": "contours"},
            "loss.matching_average contours has no effect with loss.matching_directions",
        ),
    ],
)
def test_settings_without_an_effect_are_refused(settings: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        LossConfig(**settings)
    assert "\n" not in str(error.value)
