"""Which weights a run leaves, frozen batch statistics, and what presets choose of both."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_run import tiny
from torch import nn

from e2ec.config import Config
from e2ec.engine.train import build
from e2ec.engine.train import trainer as trainer_module
from e2ec.engine.train.console import summary
from e2ec.engine.train.frozen_batchnorm import freeze_batchnorm
from e2ec.engine.train.kept import kept_evaluation
from e2ec.engine.train.resume import check_settings, fixed_settings
from e2ec.engine.train.run import make_accelerator, train
from e2ec.engine.weights.checkpoint import load_state, load_weights, save_state
from e2ec.named_settings import with_settings
from e2ec.presets import load_preset, preset_names
from lib.errors import InputError
from lib.files import read_json

METRIC = "segm/AP"
PUBLISHED = {
    *("coco", "coco_sgd", "sbd", "kins", "cityscapes", "mask_rcnn", "mask_scoring_rcnn"),
    *("bmask_rcnn", "bmask_rcnn_cityscapes", "seanet"),
}


def test_presets_with_a_published_protocol_report_the_last_weights() -> None:
    last = {name for name in preset_names() if load_preset(name).train.keep == "last"}
    # Those of other backbones stand beside them.
    assert last == PUBLISHED | {"coco_convnext", "coco_hgnetv2"}


@pytest.mark.parametrize("name", sorted(set(preset_names()) - PUBLISHED))
def test_all_other_presets_warm_up_and_average(name: str) -> None:
    config = load_preset(name)
    assert config.optim.warmup_steps > 0 and config.train.ema_decay > 0


@pytest.mark.usefixtures("fresh_accelerator")
@pytest.mark.parametrize(("keep", "epoch"), [("best", 1), ("last", 2)])
def test_the_weights_that_are_kept_and_what_the_run_says_of_them(
    keep: str,
    epoch: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Two epochs, the first the better."""
    monkeypatch.setattr(trainer_module.Report, "picture", lambda *arguments: None)
    scores = iter([0.9, 0.1])
    monkeypatch.setattr(
        trainer_module, "validate", lambda *a, **k: {METRIC: next(scores), "stage": "coarse"}
    )
    assert train(tiny(tmp_path, eval_every=1, ema_decay=0.0, keep=keep))
    folder = tmp_path / "synthetic"
    state = load_state(folder / "last/state.pt")["network"]
    kept = load_weights(folder / "weights.safetensors")[0].state_dict()
    same = all(torch.equal(kept[key], state[key]) for key in state)
    assert same is (keep == "last")
    document = read_json(folder / "metrics.json")
    value = {1: 0.9, 2: 0.1}[epoch]
    assert document["kept"] == {"which": keep, "epoch": epoch, METRIC: value}
    printed = capsys.readouterr()
    ending = {
        "best": "best: segm/AP 90.0 (coarse) at epoch 1 of 2; pictures",
        "last": "kept the last: segm/AP 10.0 (coarse) at epoch 2 of 2; the best was segm/AP 90.0 "
        "(coarse) at epoch 1 of 2; pictures",
    }
    assert ending[keep] in printed.out
    lines = [line for line in (printed.out + printed.err).splitlines() if "best so far" in line]
    assert len(lines) == 2 and ("not saved" in lines[1]) is (keep == "best")
    assert lines[0].endswith("weights.safetensors" + " (the last are kept)" * (keep == "last"))


def test_of_equally_good_evaluations_the_first_is_kept() -> None:
    """As the file is written only where an evaluation is better than all before it."""
    history = [{"epoch": e, "metrics": {METRIC: v}} for e, v in ((2, 0.5), (4, 0.5), (6, None))]
    found = kept_evaluation([{"epoch": 1}, *history], METRIC, "best")
    assert found == {"which": "best", "epoch": 2, METRIC: 0.5}
    assert kept_evaluation([{"epoch": 1}], METRIC, "last") is None


def test_a_run_from_before_the_setting_goes_on_with_the_other_choice() -> None:
    config = load_preset("coco")
    saved = fixed_settings(config)
    assert "train.keep" not in saved
    check_settings(saved, with_settings(config, {"train.keep": "best"}), name="state.pt")


def test_frozen_statistics_are_used_and_stay_while_scales_learn() -> None:
    """By hand: (x - 1) / sqrt(4) * 3 + 0.5 for running mean 1, variance 4, scale 3, shift 0.5."""
    norm = nn.BatchNorm2d(1, eps=0.0)
    norm.running_mean.fill_(1.0)
    norm.running_var.fill_(4.0)
    with torch.no_grad():
        norm.weight.fill_(3.0)
        norm.bias.fill_(0.5)
    network = nn.Sequential(norm, nn.Dropout(0.5)).train()
    freeze_batchnorm(network)
    assert network[1].training, "nothing else is frozen"
    found = norm(torch.tensor([5.0, 9.0]).view(2, 1, 1, 1))
    assert found.flatten().tolist() == [6.5, 12.5]
    found.sum().backward()
    assert norm.weight.grad is not None and norm.weight.grad.item() == 6.0  # (5-1)/2 + (9-1)/2
    assert (norm.running_mean.item(), norm.running_var.item()) == (1.0, 4.0)
    assert norm.num_batches_tracked == 0


@pytest.mark.usefixtures("fresh_accelerator")
@pytest.mark.parametrize("frozen", [False, True])
def test_a_run_with_frozen_statistics(
    frozen: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two epochs, so that an evaluation lies between; weights learn, statistics do not."""
    config = tiny(tmp_path, eval_every=1, freeze_batchnorm=frozen)
    start = build.build_model(config, 3).state_dict()
    assert train(config)
    end = load_state(tmp_path / "synthetic/last/state.pt")["network"]
    statistics = [key for key in start if "running_" in key or "num_batches" in key]
    moved = [key for key in statistics if not torch.equal(start[key], end[key])]
    assert (not moved) if frozen else len(moved) > 20
    assert not torch.equal(start["offsets.2.weight"], end["offsets.2.weight"])
    warned = "batch statistics that were never learnt" in capsys.readouterr().out
    assert warned is frozen


def test_the_summary_of_the_last_weights_names_no_best_where_nothing_was_scored() -> None:
    config = with_settings(Config(name="x"), {"train.keep": "last"})
    assert "kept" not in summary(config, [{"epoch": 1}], metric=METRIC, images=None)


@pytest.mark.usefixtures("fresh_accelerator")
@pytest.mark.parametrize(
    ("first", "then", "kept"),
    [("best", "last", ("last", 3)), ("last", "best", ("best", 3)), ("best", "best", ("best", 1))],
)
def test_another_choice_on_the_way_and_what_is_said_is_what_lies_there(
    first: str,
    then: str,
    kept: tuple[str, int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Epochs of 0.9, 0.1 and 0.5: who kept the last of two, and the best from then on, keeps the
    third: the first is gone."""
    monkeypatch.setattr(trainer_module.Report, "picture", lambda *arguments: None)
    scores = iter([0.9, 0.1, 0.5])
    monkeypatch.setattr(
        trainer_module, "validate", lambda *a, **k: {METRIC: next(scores), "stage": "coarse"}
    )
    train(tiny(tmp_path, eval_every=1, ema_decay=0.0, keep=first))
    later = tiny(tmp_path, eval_every=1, ema_decay=0.0, keep=then, epochs=3)
    assert train(replace(later, resume=True))
    folder = tmp_path / "synthetic"
    which, epoch = kept
    value = {1: 0.9, 3: 0.5}[epoch]
    assert read_json(folder / "metrics.json")["kept"] == {
        "which": which, "epoch": epoch, METRIC: value
    }  # fmt: skip
    state = load_state(folder / "last/state.pt")["network"]
    own = load_weights(folder / "weights.safetensors")[0].state_dict()
    assert all(torch.equal(own[key], state[key]) for key in state) is (epoch == 3)
    ending = "best: segm/AP 90.0" if epoch == 1 else f"kept the {which}: segm/AP 50.0"
    assert ending in capsys.readouterr().out


@pytest.mark.usefixtures("fresh_accelerator")
def test_a_state_that_does_not_say_what_was_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is as it was then: the best of the history."""
    scores = iter([0.9, 0.1])
    monkeypatch.setattr(trainer_module.Report, "picture", lambda *arguments: None)
    monkeypatch.setattr(
        trainer_module, "validate", lambda *a, **k: {METRIC: next(scores), "stage": "coarse"}
    )
    config = tiny(tmp_path, eval_every=1, ema_decay=0.0)
    train(config)
    path = tmp_path / "synthetic/last/state.pt"
    state = load_state(path)
    assert state["kept"] == {"which": "best", "epoch": 1, METRIC: 0.9}
    del state["kept"], state["version"]
    save_state(path, state)
    trainer = trainer_module.Trainer(config, make_accelerator(config))
    trainer.load()
    assert trainer.state.kept == {"which": "best", "epoch": 1, METRIC: 0.9}
    save_state(path, state | {"kept": {"which": "worst", "epoch": 1}})
    with pytest.raises(InputError, match=r"state.pt: .*kept"):
        trainer.load()
