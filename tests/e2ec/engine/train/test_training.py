"""Training: resuming, stopping, sharing between processes, broken runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from front_doors import ROOT, TINY
from tiny_run import tiny
from training_path import training_path

from dataset.contour.targets import collate
from e2ec.config import OptimConfig
from e2ec.engine.data.open_data import build_dataset
from e2ec.engine.evaluate import validate as validate_module
from e2ec.engine.train import build
from e2ec.engine.train import trainer as trainer_module
from e2ec.engine.train.run import make_accelerator, train
from e2ec.engine.train.step import count_step, train_step
from e2ec.engine.weights.checkpoint import load_state, load_weights
from e2ec.families.contour.family import CONTOUR
from lib.errors import InputError

pytestmark = pytest.mark.usefixtures("fresh_accelerator")


def stop_after(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Send this process SIGTERM during its `steps`-th training step."""
    original, done = trainer_module.train_step, []

    def step(*args: object, **kwargs: object) -> object:
        done.append(1)
        if len(done) == steps:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(*args, **kwargs)

    monkeypatch.setattr(trainer_module, "train_step", step)


def same(first: object, second: object) -> bool:
    """Bitwise equality of nested training states."""
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[k], second[k]) for k in first)
    if isinstance(first, (list, tuple)):
        return len(first) == len(second) and all(map(same, first, second))
    return first == second


def whole_and_halves(
    folder: Path, interrupt: Callable[[pytest.MonkeyPatch], None], **settings: object
) -> list[dict[str, Any]]:
    """The states of a run, and of one that was interrupted and went on with --resume."""
    configs = [tiny(folder / name, **settings) for name in ("whole", "halves")]
    assert train(configs[0])
    with pytest.MonkeyPatch.context() as patch:
        interrupt(patch)
        assert not train(configs[1])
    assert train(replace(configs[1], resume=True))
    return [load_state(config.out / "synthetic/last/state.pt") for config in configs]


@pytest.mark.parametrize("stop_at", [1, 2, 3])
def test_a_resumed_run_gives_the_same_numbers_bit_for_bit(stop_at: int, tmp_path: Path) -> None:
    """SIGTERM in the middle or at the end of an epoch, then --resume, against one run."""
    whole, halves = whole_and_halves(tmp_path, partial(stop_after, stop_at))
    assert whole["epoch"] == 2 and same(whole, halves)


def test_a_state_of_the_other_memory_layout_is_continued(tmp_path: Path) -> None:
    """As runs before channels last have left them, and from a GPU; in float64."""

    def interrupt(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(trainer_module.build, "lay_out", lambda *arguments: None)
        stop_after(3, patch)

    whole, halves = whole_and_halves(tmp_path, interrupt, precision="fp64")
    assert (whole["epoch"], whole["step"]) == (halves["epoch"], halves["step"])
    for part in ("network", "average"):
        for key, value in whole[part].items():
            assert torch.allclose(value.double(), halves[part][key].double(), atol=1e-7), key


def test_a_run_goes_on_from_the_last_weights_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A training in two stages: the last weights, not the best, are where the second starts."""
    monkeypatch.setattr(trainer_module.Report, "picture", lambda *arguments: None)
    scores = iter([0.9, 0.1])
    monkeypatch.setattr(
        trainer_module, "validate", lambda *a, **k: {"segm/AP": next(scores), "stage": "coarse"}
    )
    first = tiny(tmp_path, eval_every=1, ema_decay=0.0)
    assert train(first)
    folder = tmp_path / "synthetic"
    state = load_state(folder / "last/state.pt")["network"]
    last = load_weights(folder / "last/weights.safetensors")[0].state_dict()
    best = load_weights(folder / "weights.safetensors")[0].state_dict()
    assert all(torch.equal(last[key], state[key]) for key in state)
    assert not torch.equal(best["offsets.2.weight"], last["offsets.2.weight"])
    second = replace(first.model, weights=folder / "last/weights.safetensors")
    network = build.build_model(replace(first, name="second", model=second), 3)
    assert all(torch.equal(last[key], value) for key, value in network.state_dict().items())


def test_a_stopped_run_has_no_last_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are of a finished run; what is stopped goes on from its state."""
    stop_after(1, monkeypatch)
    assert not train(tiny(tmp_path))
    assert [path.name for path in (tmp_path / "synthetic/last").iterdir()] == ["state.pt"]


def test_accumulated_parts_give_the_step_of_the_whole_batch() -> None:
    """Losses are divided by counts of the whole step, so two unequal halves weigh as the whole.

    In float64 and with frozen batch statistics, which alone would tell the halves apart.
    """
    config = tiny(Path("unused"), precision="fp64", batch_size=4)
    config = replace(config, optim=OptimConfig(optimizer="sgd", lr=1e-3))
    dataset = build_dataset(config, "train")
    data = training_path(dataset, config.data.augmentation, config.data.targets, seed=0)
    examples = [data[0, index] for index in range(4)]
    accelerator = make_accelerator(config)
    loss = CONTOUR.loss(config)
    found = []
    for split in ([examples], [examples[:1], examples[1:]]):
        parts = [collate(part) for part in split]
        network = build.build_model(config, 3).eval()
        counts = count_step(parts, loss, accelerator, stop=False)
        optimizer = build.build_optimizer(config.optim, network)
        record = train_step(
            CONTOUR, network, optimizer, loss, parts, counts, accelerator, epoch=5, clip_value=0.0
        )
        found.append((record.read()[0], network.state_dict()))
    (whole_losses, whole), (split_losses, halves) = found
    assert whole_losses["total"] == pytest.approx(split_losses["total"], rel=1e-9)
    start = build.build_model(config, 3).state_dict()
    assert not torch.equal(start["offsets.2.bias"], whole["offsets.2.bias"])
    for key in whole:
        assert torch.allclose(whole[key].double(), halves[key].double(), atol=1e-10), key


def test_half_precision_trains_and_evaluates_in_full(tmp_path: Path) -> None:
    """bf16 in the steps; the evaluated network computes float32, as test.py does."""
    config = tiny(tmp_path, epochs=1, precision="bf16")
    trainer = trainer_module.Trainer(config, make_accelerator(config))
    assert trainer.run()
    for network in (trainer.state.network, trainer.state.evaluated):
        network.eval()
        output = network(torch.zeros(1, 3, 32, 32))
        assert output.heatmap.dtype == torch.float32
        with torch.autocast("cpu", dtype=torch.bfloat16):
            other = network(torch.zeros(1, 3, 32, 32))
        assert not torch.equal(other.heatmap, output.heatmap)


def test_a_stop_while_evaluating_keeps_the_epoch(tmp_path: Path) -> None:
    """SIGTERM during the last evaluation: it stops, and resuming makes up for it."""
    original = validate_module.predict_dataset

    def interrupted(*args: object, **kwargs: object) -> object:
        state = load_state(tmp_path / "halves/synthetic/last/state.pt")
        assert (state["epoch"], state["step"]) == (1, 2)
        os.kill(os.getpid(), signal.SIGTERM)
        return original(*args, **kwargs)

    def interrupt(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(validate_module, "predict_dataset", interrupted)

    assert same(*whole_and_halves(tmp_path, interrupt))


def test_an_evaluation_that_fails_loses_no_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise InputError("val.png: not an image")

    monkeypatch.setattr(validate_module, "predict_dataset", broken)
    with pytest.raises(InputError, match=r"val\.png"):
        train(tiny(tmp_path, epochs=1))
    state = load_state(tmp_path / "synthetic/last/state.pt")
    assert (state["epoch"], state["step"]) == (0, 2)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_two_processes_give_the_weights_of_one(optimizer: str, tmp_path: Path) -> None:
    """`torchrun` with two processes on CPUs (gloo), the same global batch.

    In float64, where rounding is far below any real difference: in float32 rounding alone moves
    the stem's weights by 1e-4 of their size within a step.
    """
    arguments = [
        "train.py", *TINY, "--data.synthetic-train", "8", "--train.epochs", "2",
        "--train.batch-size", "4", "--train.precision", "fp64", "--optim.warmup-steps", "0",
        "--loss.matching-start-epoch", "1", "--optim.optimizer", optimizer,
    ]  # fmt: skip
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    states = []
    for name, prefix in (("one", []), ("two", launcher)):
        command = [sys.executable, *prefix, *arguments, "--out", str(tmp_path), "--name", name]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr[-3000:]
        states.append(load_state(tmp_path / name / "last" / "state.pt"))
    one, two = states
    assert one["history"][1]["losses"] == pytest.approx(two["history"][1]["losses"], rel=1e-6)
    # The second half of the images comes from the other process, at every stage.
    metrics = one["history"][1]["metrics"]
    assert {"stages/init", "stages/coarse", "stages/refine1", "stages/refine2"} < set(metrics)
    assert two["history"][1]["metrics"] == pytest.approx(metrics, abs=1e-6)
    for key, value in one["network"].items():
        assert torch.allclose(value.double(), two["network"][key].double(), atol=1e-7), key
    start = trainer_module.build.build_model(tiny(tmp_path), 3).state_dict()
    assert not torch.allclose(start["offsets.2.weight"], one["network"]["offsets.2.weight"].float())
