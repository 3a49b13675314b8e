"""The loss on the steps from vertex to vertex."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from e2ec.config import LossConfig
from e2ec.losses.steps import steps_loss
from e2ec.losses.total import TotalLoss

SQUARE = torch.tensor([[[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0]]])


def test_by_hand() -> None:
    """Vertex 0 moved by 3 in x: the last edge and the first are off by 3 and -3, 2.5 each of eight
    numbers. The last vertex as well, by 0.5 in y: edge 2 by 0.5 and edge 3 by -0.5, 0.125 each."""
    moved = SQUARE.clone()
    moved[0, 0, 0] += 3
    assert steps_loss(moved, SQUARE).item() == pytest.approx(2 * 2.5 / 8)
    moved[0, 3, 1] += 0.5
    assert steps_loss(moved, SQUARE).item() == pytest.approx((2 * 2.5 + 2 * 0.125) / 8)


def test_a_shift_costs_nothing_and_jags_cost_more_than_a_bulge() -> None:
    """Vertices of a circle 1 pixel out, all of them and then every other one 1 pixel in: each is as
    far from its label in both."""
    angles = torch.arange(32) * (2 * torch.pi / 32)
    circle = 20 * torch.stack([angles.cos(), angles.sin()], dim=1)[None]
    normals = circle / 20
    jags = normals * torch.tensor([1.0, -1.0]).repeat(16)[:, None]
    assert steps_loss(circle + 7, circle).item() == pytest.approx(0, abs=1e-9)
    bulge, jagged = (steps_loss(circle + off, circle).item() for off in (normals, jags))
    assert jagged > 50 * bulge > 0


def test_it_is_of_the_last_refinement_and_divided_by_the_contours_of_the_step() -> None:
    label = SQUARE.repeat(2, 1, 1)
    moved = label.clone()
    moved[0, 0, 0] += 3
    batch = SimpleNamespace(
        ignored_cells=None,
        heatmaps=torch.zeros(1, 1, 2, 2),
        contours=label,
        keys=torch.ones(2, 4, dtype=torch.bool),
    )
    names = ("init", "coarse", "refine1", "refine2")
    stages = {name: moved.clone().requires_grad_() for name in names}
    output = SimpleNamespace(heatmap=torch.zeros(1, 1, 2, 2), stages=stages, object_centers=None)
    counts = torch.tensor([1.0, 5.0, 8.0])  # three contours of the step are of another batch
    losses = TotalLoss(LossConfig(steps_weight=2.0))(output, batch, counts, epoch=0)
    plain = TotalLoss(LossConfig())(output, batch, counts, epoch=0)
    assert "steps" not in plain
    assert losses["steps"].item() == pytest.approx(0.625 / 5)
    assert losses["total"].item() == pytest.approx(plain["total"].item() + 2 * 0.125, rel=1e-5)
    losses["steps"].backward()
    assert [name for name, stage in stages.items() if stage.grad is not None] == ["refine2"]
