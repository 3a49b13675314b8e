"""The losses against what the moving average of the weights says."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch

from e2ec.config import LossConfig
from e2ec.losses.distillation import soft_focal_loss
from e2ec.losses.total import TotalLoss, first_epoch

STAGES = ("init", "coarse", "refine1", "refine2")


def logit(p: float) -> float:
    return math.log(p / (1 - p))


def test_soft_focal_loss_by_hand() -> None:
    """0.5 where the teacher says 0.8: (0.8 - 0.5)^2 ln 2; 0.1 for 0.2: 0.1^2 (0.2 ln 10 + 0.8 ln
    (1 / 0.9)); the same: nothing, and no gradient. The teacher gets none anywhere."""
    logits = torch.tensor([[[[0.0, logit(0.1), logit(0.7)]]]], requires_grad=True)
    teacher = torch.tensor([[[[logit(0.8), logit(0.2), logit(0.7)]]]], requires_grad=True)
    loss = soft_focal_loss(logits, teacher)
    second = 0.2 * math.log(10) - 0.8 * math.log(0.9)
    assert loss.item() == pytest.approx(0.09 * math.log(2) + 0.01 * second, rel=1e-5)
    loss.backward()
    gradient = logits.grad.flatten().tolist()
    assert gradient[0] < 0 and gradient[1] < 0 and gradient[2] == pytest.approx(0, abs=1e-6)
    assert teacher.grad is None


def test_targets_are_the_teacher_s_last_contours_and_its_heat_map() -> None:
    """Two contours 2 pixels off the teacher's (1.5 each), six in the step; one cell of ln 2 x 0.09,
    four positives in the step; both halves are weighed together."""
    label = torch.zeros(2, 4, 2)
    stages = {name: (label + k).requires_grad_() for k, name in enumerate(STAGES)}
    heatmap = torch.zeros(1, 1, 1, 1, requires_grad=True)
    theirs = {name: (stages[name].detach() + 2 * (name == STAGES[-1])) for name in STAGES}
    teacher = SimpleNamespace(stages=theirs, heatmap=torch.full((1, 1, 1, 1), logit(0.8)))
    output = SimpleNamespace(heatmap=heatmap, stages=stages, object_centers=None, teacher=teacher)
    batch = SimpleNamespace(
        ignored_cells=None,
        heatmaps=torch.zeros(1, 1, 1, 1),
        contours=label,
        keys=torch.ones(2, 4, dtype=torch.bool),
    )
    counts = torch.tensor([4.0, 6.0, 8.0])
    found = TotalLoss(LossConfig(distillation_weight=3.0))(output, batch, counts, epoch=0)
    plain = TotalLoss(LossConfig())(output, batch, counts, epoch=0)
    expected = 0.09 * math.log(2) / 4 + 2 * 1.5 / 6
    assert found["distillation"].item() == pytest.approx(expected)
    total = plain["total"].item() + 3 * expected
    assert "distillation" not in plain and found["total"].item() == pytest.approx(total)
    found["distillation"].backward()
    assert heatmap.grad is not None
    assert [name for name, stage in stages.items() if stage.grad is not None] == [STAGES[-1]]
    output.teacher = None  # before it sets in
    early = TotalLoss(LossConfig(distillation_weight=3.0))(output, batch, counts, epoch=0)
    assert early["distillation"] == 0 and torch.equal(early["total"], plain["total"])


@pytest.mark.parametrize(
    ("share", "epochs", "first"), [(0.0, 9, 0), (0.333, 9, 3), (1.0, 9, 8), (0.5, 1, 0)]
)
def test_it_sets_in_after_a_share_of_the_epochs(share: float, epochs: int, first: int) -> None:
    assert first_epoch(share, epochs) == first


@pytest.mark.parametrize("start", [-0.1, 1.1])
def test_an_impossible_start_is_refused(start: float) -> None:
    with pytest.raises(ValueError, match=r"loss\.distillation_start"):
        LossConfig(distillation_start=start)
