"""Self-distillation in a run: the moving average as a teacher, resuming included."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from stopped_run import assert_same_weights, stop_after
from tiny_run import tiny

from configs.refiner import get_config as refiner
from e2ec.config import Config
from e2ec.engine.train import trainer as trainer_module
from e2ec.engine.train.interrupt import StopRequest
from e2ec.engine.train.run import make_accelerator, train
from e2ec.families.contour.family import CONTOUR
from e2ec.families.refiner.family import REFINER
from e2ec.named_settings import with_settings
from lib.errors import InputError

pytestmark = pytest.mark.usefixtures("fresh_accelerator")


def distilling(out: Path, **settings: Any) -> Config:
    """From the second of two epochs on."""
    chosen = {"loss.distillation_weight": 1.0, "loss.distillation_start": 0.5}
    return with_settings(tiny(out), chosen | settings)


def losses(folder: Path) -> list[dict[str, float]]:
    history = json.loads((folder / "metrics.json").read_text())["history"]
    return [entry["losses"] for entry in history]


def test_a_stopped_run_goes_on_to_the_same_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the two steps that learn from the teacher, it goes on from the epoch before,
    to which the teacher has given nothing."""
    whole, parts = (replace(distilling(tmp_path), name=name) for name in ("whole", "parts"))
    assert train(whole)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        stop_after(3, patch)
        train(parts)
    assert train(replace(parts, resume=True))
    first, second = losses(tmp_path / "whole")
    assert first["distillation"] == 0 < second["distillation"]
    assert losses(tmp_path / "parts")[1] == pytest.approx(second, rel=0, abs=0)
    assert_same_weights(tmp_path / "whole", tmp_path / "parts")


def test_the_teacher_is_the_average_with_its_own_statistics_and_learns_nothing(
    tmp_path: Path,
) -> None:
    """Its output is what an evaluation of it gives at the labelled centres, also where the network
    that learns says something else; no gradient and no statistic of it changes."""
    config = distilling(tmp_path)
    trainer = trainer_module.Trainer(config, make_accelerator(config))
    trainer.sampler.set_epoch(0)
    (batch,) = next(trainer._steps())
    images = CONTOUR.normalize(batch.images)
    average = trainer.state.average
    assert average is not None
    with torch.no_grad():
        average.module.offsets[2].bias.add_(0.3)
    before = {key: value.clone() for key, value in average.module.state_dict().items()}
    output = CONTOUR.forward(trainer.network.train(), images, batch)
    found = CONTOUR.taught(output, average.module, images, batch)
    assert not any(stage.requires_grad for stage in found.teacher.stages.values())
    with torch.no_grad():
        expected = average.module.eval()(images, batch.centers, batch.image_index)
    for name, stage in expected.stages.items():
        assert torch.equal(found.teacher.stages[name], stage)
        assert not torch.allclose(found.stages[name], stage)
    assert torch.equal(found.teacher.heatmap, expected.heatmap)
    assert found.heatmap is output.heatmap and trainer.network.training
    assert all(
        torch.equal(value, before[key]) for key, value in average.module.state_dict().items()
    )


@pytest.mark.parametrize(("epoch", "asked"), [(0, 0), (1, 1)])
def test_the_teacher_is_asked_from_its_epoch_on(
    epoch: int, asked: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = distilling(tmp_path)
    trainer = trainer_module.Trainer(config, make_accelerator(config))
    trainer.sampler.set_epoch(epoch)
    trainer.state.epoch = epoch
    teachers: list[object] = []
    original = type(CONTOUR).taught

    def taught(self: object, output: Any, teacher: Any, images: Any, batch: Any) -> Any:
        teachers.append(teacher)
        return original(CONTOUR, output, teacher, images, batch)

    monkeypatch.setattr(type(CONTOUR), "taught", taught)
    trainer._step(next(trainer._steps()), StopRequest())
    assert trainer.state.average is not None
    assert teachers == [trainer.state.average.module] * asked
    plain = with_settings(config, {"loss.distillation_weight": 0.0})
    assert not CONTOUR.wants_teacher(plain, epoch=1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"train.ema_decay": 0.0}, "distillation_weight compares with the moving average"),
        (
            {"model.sharp.training": "alone", "model.weights": Path("unused")},
            "loss.distillation_weight supervises contours",
        ),
        (
            {
                "loss.distillation_weight": 0.0,
                "loss.steps_weight": 1.0,
                "model.sharp.training": "alone",
                "model.weights": Path("unused"),
            },
            "loss.steps_weight supervises contours",
        ),
    ],
)
def test_what_nothing_would_come_of_is_refused_before_training(
    settings: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        CONTOUR.build(distilling(tmp_path, **settings), 3)


@pytest.mark.parametrize("name", ["steps_weight", "distillation_weight"])
def test_families_without_contours_refuse_their_losses(name: str) -> None:
    with pytest.raises(InputError, match=f"loss.{name}: teaches contours"):
        REFINER.build(with_settings(refiner(), {f"loss.{name}": 1.0}), 3)
