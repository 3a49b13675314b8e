"""Every loss against a value worked out by hand."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from e2ec.config import LossConfig
from e2ec.losses import dynamic_matching
from e2ec.losses.dynamic_matching import (
    dynamic_matching_loss,
    nearest_on_boundary,
)
from e2ec.losses.focal import focal_loss
from e2ec.losses.smooth_l1 import smooth_l1
from e2ec.losses.total import TotalLoss

STAGES = ("init", "coarse", "refine1", "refine2", "refine3")
SQUARE = torch.tensor([[[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0]]])


def test_focal_loss_by_hand() -> None:
    logit = lambda p: math.log(p / (1 - p))  # noqa: E731
    logits = torch.tensor([[[[logit(0.8), logit(0.3), logit(0.1)]]]])
    target = torch.tensor([[[[1.0, 0.5, 0.0]]]])
    # positive: -(1 - 0.8)^2 ln 0.8; half: -(1 - 0.5)^4 0.3^2 ln 0.7; negative: -0.1^2 ln 0.9
    expected = -(0.04 * math.log(0.8) + 0.0625 * 0.09 * math.log(0.7) + 0.01 * math.log(0.9))
    assert focal_loss(logits, target).item() == pytest.approx(expected, rel=1e-5)


def test_focal_loss_is_finite_for_extreme_logits() -> None:
    logits = torch.tensor([[[[100.0, -100.0]]]], requires_grad=True)
    loss = focal_loss(logits, torch.tensor([[[[0.0, 1.0]]]]))
    loss.backward()
    # Clamped to 1e-4 from 0 and 1: both terms are -(0.9999)^2 ln(1e-4).
    assert loss.item() == pytest.approx(2 * 0.9999**2 * -math.log(1e-4), rel=1e-4)
    assert torch.isfinite(logits.grad).all()


def test_contour_loss_by_hand() -> None:
    predicted = SQUARE.clone()
    predicted[0, 0, 0] += 0.5  # 0.5 * 0.5^2 = 0.125
    predicted[0, 2, 1] -= 3.0  # 3 - 0.5 = 2.5
    # 8 coordinates: (0.125 + 2.5) / 8
    assert smooth_l1(predicted, SQUARE).item() == pytest.approx(2.625 / 8)


def test_part_votes_loss_by_hand() -> None:
    label = torch.tensor([[5.0, 5.0], [7.5, 2.0]])
    predicted = torch.tensor([[5.5, 5.0], [7.5, -1.0]])
    # (0.5 * 0.5^2 + 0) / 2 + (0 + 3 - 0.5) / 2
    assert smooth_l1(predicted, label).item() == pytest.approx(0.0625 + 1.25)


def subdivide(contour: torch.Tensor) -> torch.Tensor:
    """(n, N, 2) -> (n, 10 N, 2): every edge in ten equal segments, vertices kept."""
    step = torch.arange(10, dtype=contour.dtype)[:, None] / 10
    edges = contour.roll(-1, dims=1) - contour
    return (contour[:, :, None] + step * edges[:, :, None]).flatten(1, 2)


@pytest.mark.parametrize(
    ("distance", "expected_a", "expected_b"),
    [("l1", 10 / 8, 0.5), ("smooth_l1", (0.5 + 1.5 + 2.5 + 3.5) / 8, 0.25)],
)
def test_both_directions_of_dynamic_matching_by_hand(
    distance: str, expected_a: float, expected_b: float
) -> None:
    """The contour before is the label, numbered one further: predicted vertex i is nearest to label
    vertex i + 1, and label vertex i to predicted vertex i - 1, which is another. After the module
    the vertices are off by 1, 2, 3 and 4 in one coordinate."""
    before = SQUARE.roll(-1, dims=1)
    after = before + torch.tensor([[[1.0, 0.0], [0.0, 2.0], [3.0, 0.0], [0.0, 4.0]]])
    # (a) all four against the vertices they came from; (b) key (10, 0) against predicted vertex 0.
    keys = torch.tensor([[False, True, False, False]])
    sums = dynamic_matching_loss(before, after, SQUARE, keys, distance=distance)
    assert sums.to_boundary.item() == pytest.approx(expected_a)
    assert sums.from_keys.item() == pytest.approx(expected_b)


def _nearest_plainly(points: torch.Tensor, contour: torch.Tensor) -> torch.Tensor:
    """Contour by contour, against every point of the subdivided boundary."""
    found = []
    for own, candidates in zip(points, subdivide(contour), strict=True):
        squared = (own[:, None] - candidates).square().sum(2)
        found.append(candidates[squared.argmin(1)])
    return torch.stack(found)


@pytest.mark.parametrize("spread", [1.0, 30.0, 500.0])
def test_points_found_on_edges_are_the_nearest_of_the_subdivided_boundary(spread: float) -> None:
    """Contours that cross themselves, with repeated vertices, or of one point alone."""
    generator = torch.Generator().manual_seed(0)
    contour = torch.rand(7, 40, 2, generator=generator, dtype=torch.float64) * 100
    points = contour + spread * torch.randn(7, 40, 2, generator=generator, dtype=torch.float64)
    contour[1, 3:9] = contour[1, 2:3]
    contour[2] = contour[2, :1]
    expected = _nearest_plainly(points, contour)
    assert torch.allclose(nearest_on_boundary(points, contour), expected, atol=1e-9, rtol=0)
    # In float32 two points may be as near as can be told: then the distance is the same.
    single = nearest_on_boundary(points.float(), contour.float()).double()
    distances = [(points - found).norm(dim=2) for found in (single, expected)]
    assert torch.allclose(*distances, atol=1e-3, rtol=0)


def test_of_equally_near_points_of_the_boundary_the_first_is_taken() -> None:
    """x 1.5 lies between the points 1 and 2; the corner ends one edge and begins the next."""
    points = torch.tensor([[[1.5, -3.0], [12.0, -2.0], [5.0, 5.0]]])
    expected = _nearest_plainly(points, SQUARE)
    assert expected[0, :2].tolist() == [[1.0, 0.0], [10.0, 0.0]]
    assert torch.equal(nearest_on_boundary(points, SQUARE), expected)


def test_matching_holds_tables_of_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """1000 contours of 16 vertices, 20 at a time: no tensor on the way is larger than theirs."""
    largest = 0

    class Sizes(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            nonlocal largest
            result = function(*args, **(kwargs or {}))
            if isinstance(result, torch.Tensor):
                largest = max(largest, result.numel())
            return result

    before = torch.rand(1000, 16, 2) * 100
    arguments = (before, before + 1, torch.rand(1000, 16, 2) * 100, torch.ones(1000, 16).bool())
    expected = dynamic_matching_loss(*arguments)
    monkeypatch.setattr(dynamic_matching, "TABLE", 20 * 16 * 16)
    with Sizes():
        sums = dynamic_matching_loss(*arguments)
    assert largest == 1000 * 16 * 2  # the contours themselves
    for one, other in zip(sums, expected, strict=True):
        assert one.item() == pytest.approx(other.item(), rel=1e-6)


def test_dynamic_matching_gradient_reaches_only_the_output() -> None:
    before = SQUARE.clone().requires_grad_()
    after = (SQUARE + 1).requires_grad_()
    sums = dynamic_matching_loss(before, after, SQUARE, torch.ones(1, 4, dtype=torch.bool))
    (sums.to_boundary + sums.from_keys).backward()
    assert before.grad is None and after.grad is not None


def _output(
    heatmap: torch.Tensor, stages: dict[str, torch.Tensor], votes: torch.Tensor | None = None
) -> SimpleNamespace:
    return SimpleNamespace(heatmap=heatmap, stages=stages, object_centers=votes)


def _batch(n: int) -> SimpleNamespace:
    return SimpleNamespace(
        heatmaps=torch.zeros(1, 1, 2, 2),
        ignored_cells=None,
        contours=SQUARE.repeat(n, 1, 1),
        keys=torch.ones(n, 4, dtype=torch.bool),
    )


def test_total_weighs_and_divides_as_published() -> None:
    batch = _batch(2)
    label = batch.contours
    # Off by 2 in every coordinate: smooth L1 is 1.5. Five stages: initial, coarse, three modules.
    stages = dict.fromkeys(STAGES, label + 2)
    counts = TotalLoss(LossConfig()).counts(batch)
    logits = torch.full((1, 1, 2, 2), -100.0)
    output = _output(logits, stages)
    losses = TotalLoss(LossConfig())(output, batch, counts, epoch=0)
    assert losses["initial"].item() == pytest.approx(1.5)
    assert losses["coarse"].item() == pytest.approx(1.5)
    assert losses["refinement"].item() == pytest.approx(1.5)  # (1.5 + 1.5 + 1.5) / 3
    assert losses["total"].item() == pytest.approx(0.1 * 1.5 + 0.1 * 1.5 + 1.5, abs=1e-5)
    paper = TotalLoss(LossConfig(average_refinements=False))(
        _output(logits, stages), batch, counts, epoch=0
    )
    assert paper["refinement"].item() == pytest.approx(4.5)


def test_part_votes_are_weighed_and_divided_by_the_parts_of_the_step() -> None:
    """Off by 3 cells in x and y: 2.5 a part; two parts here, four in the whole step."""
    batch = _batch(2)
    batch.object_centers = torch.zeros(2, 2)
    counts = torch.tensor([1.0, 4.0, 1.0])
    logits = torch.full((1, 1, 2, 2), -100.0)
    output = _output(logits, dict.fromkeys(STAGES, batch.contours), torch.full((2, 2), 3.0))
    losses = TotalLoss(LossConfig(parts_weight=0.2))(output, batch, counts, epoch=0)
    assert losses["parts"].item() == pytest.approx(2.5 * 2 / 4)
    assert losses["total"].item() == pytest.approx(0.2 * 1.25, abs=1e-5)
    output.object_centers = None
    assert "parts" not in TotalLoss(LossConfig())(output, batch, counts, epoch=0)


def test_dynamic_matching_sets_in_at_its_epoch() -> None:
    batch = _batch(1)
    along = batch.contours.clone()
    along[0, 0, 0] += 1  # a vertex that slid along the boundary costs only in the plain loss
    stages = {**dict.fromkeys(STAGES, batch.contours), "refine3": along}
    counts = TotalLoss(LossConfig()).counts(batch)
    loss = TotalLoss(LossConfig(matching_start_epoch=10))
    logits = torch.full((1, 1, 2, 2), -100.0)
    before = loss(_output(logits, stages), batch, counts, epoch=9)["refinement"].item()
    after = loss(_output(logits, stages), batch, counts, epoch=10)["refinement"].item()
    assert before == pytest.approx(0.5 / 8 / 3)
    # (a) the label point nearest before the last module is the corner: 0.5 / 8; (b) corner key,
    # off by 1 in x: 0.5 / 2 over 4 keys. Averaged, and divided by the number of modules.
    assert after == pytest.approx((0.5 / 8 + 0.25 / 4) / 2 / 3)


def test_no_instances_give_zero_and_train() -> None:
    batch = _batch(0)
    stages = {name: torch.zeros(0, 4, 2, requires_grad=True) for name in STAGES}
    counts = TotalLoss(LossConfig()).counts(batch)
    logits = torch.zeros(1, 1, 2, 2, requires_grad=True)
    batch.object_centers = torch.zeros(0, 2)
    votes = torch.zeros(0, 2, requires_grad=True)
    for epoch in (0, 20):
        output = _output(logits, stages, votes)
        losses = TotalLoss(LossConfig())(output, batch, counts, epoch=epoch)
        losses["total"].backward()
        assert losses["refinement"].item() == losses["parts"].item() == 0
        assert torch.isfinite(losses["total"])


def test_counts_are_those_of_the_labels_and_never_divide_by_nothing() -> None:
    batch = _batch(3)
    batch.heatmaps[0, 0, 0] = 1
    assert TotalLoss(LossConfig()).counts(batch).tolist() == [2, 3, 12]
    stages = dict.fromkeys(STAGES, batch.contours + 2)
    losses = TotalLoss(LossConfig())(
        _output(batch.heatmaps, stages), batch, torch.zeros(3), epoch=0
    )
    assert losses["initial"].item() == pytest.approx(3 * 1.5)


@pytest.mark.parametrize("epoch", [0, 10])
@pytest.mark.parametrize("modules", [1, 3])
def test_another_stage_moves_no_loss(modules: int, epoch: int) -> None:
    """Wherever it stands: losses are taken by the names of stages, not by their places."""
    batch = _batch(2)
    batch.object_centers = torch.zeros(2, 2)
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(6, 2, 4, 2, generator=generator) * 8
    stages = {name: batch.contours + noise[k] for k, name in enumerate(STAGES[: 2 + modules])}
    expected = None
    for named in (stages, {**stages, "another": noise[5]}, {"another": noise[5], **stages}):
        output = _output(torch.zeros(1, 1, 2, 2), named, noise[0, :, 0])
        loss = TotalLoss(LossConfig())
        losses = loss(output, batch, loss.counts(batch), epoch=epoch)
        expected = expected or losses
        assert list(losses) == ["center", "initial", "coarse", "refinement", "parts", "total"]
        assert all(torch.equal(loss, expected[name]) for name, loss in losses.items())
        assert losses["refinement"] > 0
