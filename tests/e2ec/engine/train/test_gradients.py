"""Gradients of a step: their norm is told, they are clipped by it, infinite ones are skipped."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from accelerate.optimizer import AcceleratedOptimizer
from tiny_run import tiny
from torch import Tensor

from e2ec.config import OptimConfig
from e2ec.engine.train.report import Report
from e2ec.engine.train.run import make_accelerator, train
from e2ec.engine.train.run_state import Means
from e2ec.engine.train.trainer import Trainer
from e2ec.engine.weights.checkpoint import load_state
from lib.files import read_json

pytestmark = pytest.mark.usefixtures("fresh_accelerator")

NO_STOP = SimpleNamespace(requested=False)


def sgd_trainer(out: Path, **limits: float) -> Trainer:
    """A run at rate 1 without momentum or decay: a step moves the weights by minus the gradient."""
    optim = OptimConfig(
        "sgd", lr=1.0, weight_decay=0.0, momentum=0.0, **{"clip_value": 0.0, **limits}
    )
    config = replace(tiny(out), optim=optim)
    return Trainer(config, make_accelerator(config))


def weights(trainer: Trainer) -> Tensor:
    return torch.cat([p.detach().double().flatten() for p in trainer.state.network.parameters()])


def one_step(trainer: Trainer) -> tuple[Tensor, float]:
    """How far a step moves every weight, and the norm that it tells."""
    before = weights(trainer)
    record, _, _ = trainer._step(next(trainer._steps()), NO_STOP)
    return before - weights(trainer), record.read()[1]


def test_the_norm_is_that_of_the_whole_gradient_and_its_limit_keeps_the_direction(
    tmp_path: Path,
) -> None:
    gradient, norm = one_step(sgd_trainer(tmp_path))
    assert norm == pytest.approx(gradient.norm().item(), rel=1e-4) and norm > 1
    clipped, told = one_step(sgd_trainer(tmp_path, clip_norm=0.5))
    assert told == pytest.approx(norm), "the norm is told as it was before clipping"
    assert clipped.norm().item() == pytest.approx(0.5, rel=1e-4)
    assert torch.nn.functional.cosine_similarity(clipped, gradient, dim=0) > 0.9999
    loose, _ = one_step(sgd_trainer(tmp_path, clip_norm=2 * norm))
    assert torch.equal(loose, gradient), "a gradient below the limit stays as it is"


def test_two_limits_at_once_are_refused() -> None:
    assert OptimConfig(clip_norm=1.0).clip_value == 40, "the default is no second limit"
    with pytest.raises(ValueError, match=r"clip_norm takes the place of optim\.clip_value"):
        OptimConfig(clip_norm=1.0, clip_value=3.0)
    with pytest.raises(ValueError, match=r"optim\.clip_norm must not be negative"):
        OptimConfig(clip_norm=-1.0)


def test_the_norm_stands_beside_the_losses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every step in the curves; its mean over an epoch in metrics.json; skipped steps in none
    of them."""
    told: list[tuple[int, float]] = []

    def step(self: Report, number: int, losses: object, rate: float, norm: float) -> None:
        told.append((number, norm))

    monkeypatch.setattr(Report, "step", step)
    assert train(tiny(tmp_path))
    history = read_json(tmp_path / "synthetic/metrics.json")["history"]
    assert [number for number, _ in told] == [1, 2, 3, 4]
    for epoch, entry in enumerate(history):
        norms = [norm for _, norm in told[2 * epoch : 2 * epoch + 2]]
        assert entry["gradient_norm"] == pytest.approx(sum(norms) / 2)
        assert "gradient_norm" not in entry["losses"]


def test_curves_leave_a_skipped_step_out(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    report = Report(tmp_path)
    report.step(1, {"total": 2.0}, 0.1, 3.0)
    report.step(2, {"total": 2.0}, 0.1, float("inf"))
    report.close()
    curves = EventAccumulator(str(tmp_path)).Reload()
    assert [(e.step, e.value) for e in curves.Scalars("gradient_norm")] == [(1, 3.0)]
    assert [e.step for e in curves.Scalars("loss/total")] == [1, 2]


def test_a_state_without_norms_is_continued(tmp_path: Path) -> None:
    """As runs before them have left it."""
    trainer = sgd_trainer(tmp_path)
    trainer.state.norms.add({"gradient_norm": 3.0})
    trainer.state.save()
    state = load_state(trainer.state.path)
    assert state["norms"] == {"sums": {"gradient_norm": 3.0}, "count": 1}
    del state["norms"]
    torch.save(state, trainer.state.path)
    trainer.state.load()
    assert trainer.state.norms == Means()


def with_scaler(trainer: Trainer, scale: float) -> torch.amp.GradScaler:
    """Scale losses as in fp16 on a GPU, here in fp32 on the CPU."""
    scaler = torch.amp.GradScaler("cpu", init_scale=scale)
    plain = trainer.state.optimizer.optimizer  # type: ignore[attr-defined]
    trainer.accelerator.scaler = scaler
    trainer.accelerator.unscale_gradients = lambda optimizer: scaler.unscale_(plain)
    trainer.state.optimizer = AcceleratedOptimizer(plain, scaler=scaler)
    return scaler


def test_a_scaled_gradient_is_clipped_and_told_at_its_true_size(tmp_path: Path) -> None:
    _, norm = one_step(sgd_trainer(tmp_path))
    trainer = sgd_trainer(tmp_path, clip_norm=0.5)
    with_scaler(trainer, 64.0)
    clipped, told = one_step(trainer)
    assert told == pytest.approx(norm, rel=1e-4)
    assert clipped.norm().item() == pytest.approx(0.5, rel=1e-4)


def test_a_step_that_the_scaler_skips_leaves_the_moving_average_alone(tmp_path: Path) -> None:
    """An infinite gradient: neither weights nor average move, the schedule goes on."""
    trainer = sgd_trainer(tmp_path)
    scaler = with_scaler(trainer, 64.0)
    average = trainer.state.average
    assert average is not None
    average.n_averaged.fill_(100)  # the decay is 0.9: batch statistics alone would move it
    averaged = {key: value.clone() for key, value in average.state_dict().items()}
    parameter = next(trainer.state.network.parameters())
    hook = parameter.register_hook(lambda gradient: gradient * float("inf"))
    moved, norm = one_step(trainer)
    hook.remove()
    assert not moved.any() and not math.isfinite(norm)
    assert scaler.get_scale() == 32, "the scaler has seen it"
    assert all(torch.equal(value, averaged[key]) for key, value in average.state_dict().items())
    assert trainer.state.steps_done == 1
    moved, norm = one_step(trainer)
    assert moved.any() and 0 < norm < float("inf")
    assert int(average.n_averaged) == 101 and trainer.state.steps_done == 2
