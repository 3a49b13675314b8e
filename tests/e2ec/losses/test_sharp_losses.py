"""The losses of SharpContour's answers: values worked out by hand, and the running share."""

from __future__ import annotations

import math

import pytest
import torch

from dataset.contour.boundary_points import BoundaryLabels
from e2ec.losses.sharp import movement_loss, point_counts, point_focal_loss, sharp_loss
from network.sharp.evolution import outward_normals
from network.sharp.settings import Movement


def test_focal_loss_by_hand() -> None:
    """Logit 0 is 0.5: (1 - 0.5)^2 * ln 2 a point, times the share of the other side. Of four
    points one is outside: 0.75 * 0.25 ln 2 for it, 0.25 * 0.25 ln 2 for each of the others."""
    outside = torch.tensor([[True, False], [False, False]])
    found = point_focal_loss(torch.zeros(2, 2), outside, torch.tensor(0.25))
    assert found.item() == pytest.approx((0.75 + 3 * 0.25) * 0.25 * math.log(2))


def test_an_easy_point_counts_little_and_a_wrong_one_much() -> None:
    """sigmoid(2) = 0.8808: outside, (1 - 0.8808)^2 * -ln 0.8808; inside, 0.8808^2 * -ln 0.1192."""
    phi = 1 / (1 + math.exp(-2))
    for outside, expected in (
        (True, (1 - phi) ** 2 * -math.log(phi)),
        (False, phi**2 * -math.log(1 - phi)),
    ):
        found = point_focal_loss(
            torch.tensor([[2.0]]), torch.tensor([[outside]]), torch.tensor(0.5)
        )
        assert found.item() == pytest.approx(0.5 * expected, rel=1e-5)


def test_both_sides_weigh_the_same_in_sum() -> None:
    outside = torch.arange(40).view(1, 40) < 10
    share = outside.float().mean()
    logits = torch.zeros(1, 40)
    both = point_focal_loss(logits, outside, share)
    rare = point_focal_loss(logits[:, :10], outside[:, :10], share)
    assert rare.item() == pytest.approx(both.item() / 2)


def test_huge_logits_stay_finite() -> None:
    logits = torch.tensor([[1e4, -1e4]], requires_grad=True)
    loss = point_focal_loss(logits, torch.tensor([[False, True]]), torch.tensor(0.5))
    loss.backward()
    assert loss.isfinite() and logits.grad is not None and logits.grad.isfinite().all()


def test_movements_by_hand() -> None:
    """Below a hundredth of the box the square, d^2 / 0.02; above it the length, d - 0.005."""
    predicted = torch.tensor([[[0.005, 0.0], [0.03, 0.0]]])
    found = movement_loss(predicted, torch.zeros(1, 2, 2))
    assert found.item() == pytest.approx(0.005**2 / 0.02 + 0.025, rel=1e-5)


def test_no_points() -> None:
    none = torch.zeros(0, 4)
    assert point_focal_loss(none, none.bool(), torch.tensor(0.5)).item() == 0
    assert movement_loss(none[..., None], none[..., None]).item() == 0


def beside_a_square(outside: bool) -> BoundaryLabels:
    """Points one pixel to the right, or to the left, of the right side of a 10 x 40 box."""
    points = torch.tensor([[[11.0 if outside else 9.0, 15.0], [11.0 if outside else 9.0, 25.0]]])
    way = torch.tensor([-1.0 if outside else 1.0, 0.0]).expand(1, 2, 2)
    return BoundaryLabels(
        torch.tensor([[0.0, 0.0, 10.0, 40.0]]), points, torch.full((1, 2), outside), way
    )


@pytest.mark.parametrize("outside", [True, False])
def test_what_the_regression_baselines_learn(outside: bool) -> None:
    """The size of the box is 20: one pixel is 0.05 of it, inwards from outside. Along the outward
    normal of the square, which points to the right there, that is -0.05."""
    near = beside_a_square(outside)
    normal = outward_normals(torch.tensor([[[0.0, 0.0], [10.0, 0.0], [10.0, 40.0], [0.0, 40.0]]]))
    assert normal[0, 1, 0] > 0 and normal[0, 2, 0] > 0
    right = -0.05 if outside else 0.05
    answers: dict[Movement, torch.Tensor] = {
        "distance": torch.full((1, 2, 1), right),
        "offset": torch.tensor([right, 0.0]).expand(1, 2, 2),
    }
    for movement, answer in answers.items():
        found = sharp_loss(answer, near, point_counts(near), movement)
        wrong = sharp_loss(-answer, near, point_counts(near), movement)
        assert found.item() == pytest.approx(0, abs=1e-7)
        assert wrong.item() == pytest.approx(0.1 - 0.005, rel=1e-4)  # a point


def test_the_share_is_that_of_the_whole_step() -> None:
    """Two outside here, six inside elsewhere: a quarter; the sum is divided by all eight."""
    near = beside_a_square(True)
    assert point_counts(near).tolist() == [2, 2]
    counts = point_counts(near) + torch.tensor([6.0, 0.0])
    found = sharp_loss(torch.zeros(1, 2, 1), near, counts, "classify")
    assert found.item() == pytest.approx(2 * 0.75 * 0.25 * math.log(2) / 8)
