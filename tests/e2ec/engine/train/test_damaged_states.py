"""Training states with wrong parts: one line, and nothing of them is taken over."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from accelerate.state import AcceleratorState
from tiny_run import tiny

from e2ec.config import OptimConfig
from e2ec.engine.train import run_state
from e2ec.engine.train.run import make_accelerator, train
from e2ec.engine.train.run_state import RunState
from e2ec.engine.train.trainer import Trainer
from e2ec.engine.weights.checkpoint import load_state, save_state
from lib.errors import InputError

Saved = tuple[RunState, dict[str, Any]]
NAN = math.nan
# Wrong for every entry; None is right for those of `NONE`.
WRONG: list[Any] = [
    None, True, "text", 3.5, -1, 10**30, [], [1], [[]], {"a": 1}, {1: 2}, {"a": torch.zeros(2)},
    torch.zeros(3), (), b"bytes",
]  # fmt: skip
KEYS = (
    *("class_names", "settings", "epoch", "step", "best", "history", "means"),
    *("network", "optimizer", "average", "scaler"),
)
# What is right by chance: no score is a wrong score, and no history an empty one.
RIGHT: dict[str, tuple[int, ...]] = {"best": (3, 4), "history": (6,), "scaler": (0, 9)}


@pytest.fixture(scope="module", params=["adam", "sgd"])
def saved(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Saved:
    """A run stopped after an epoch, opened again, and its state."""
    AcceleratorState._reset_state(reset_partial_state=True)
    config = tiny(tmp_path_factory.mktemp("run"), epochs=1)
    config = replace(config, optim=OptimConfig(optimizer=request.param))
    train(config)
    AcceleratorState._reset_state(reset_partial_state=True)
    run = Trainer(config, make_accelerator(config)).state
    return run, load_state(run.path)


def numbers(run: RunState) -> list[Any]:
    """Everything that loading changes."""
    tensors = [*run.network.state_dict().values(), *run.average.state_dict().values()]
    return [
        [tensor.reshape(-1)[0].item() for tensor in tensors],
        [len(run.optimizer.state), run.epoch, run.step, run.best, run.history],
    ]


def copied(value: Any) -> Any:
    """A copy of what holds the tensors, which stay the same."""
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    return [copied(item) for item in value] if isinstance(value, list) else value


def refused(saved: Saved, change: Callable[[dict[str, Any]], None], *parts: str) -> None:
    run, state = saved
    state = copied(state)
    change(state)
    before = numbers(run)
    with pytest.MonkeyPatch.context() as patch:  # files reach the disk before they are read
        patch.setattr(run_state, "load_state", lambda path: state)
        with pytest.raises(InputError) as caught:
            run.load()
    line = str(caught.value)
    assert line.startswith(f"{run.path}: ") and "\n" not in line
    for part in parts:
        assert part in line, line
    assert numbers(run) == before, "half a state was taken over"


@pytest.mark.parametrize("key", KEYS)
def test_every_entry_with_every_wrong_value(key: str, saved: Saved) -> None:
    refused(saved, lambda state: state.pop(key))
    for number, value in enumerate(WRONG):
        if number not in RIGHT.get(key, ()):
            refused(saved, lambda state, value=value: state.update({key: value}))


def put(*path: Any) -> Callable[[dict[str, Any]], None]:
    """Sets what the path leads to; "first" is the first key of a dict or item of a list."""

    def change(state: Any) -> None:
        *way, last, value = path
        for key in way:
            state = state[next(iter(state)) if key == "first" and isinstance(state, dict) else key]
        if last == "first":
            last = next(iter(state))
        state[last] = value

    return change


CHANGES = [
    put("step", 3),  # of an epoch of two
    put("best", NAN),
    put("class_names", [1, 2, 3]),
    put("history", [{"epoch": "1", "losses": {}}]),
    put("history", [{"epoch": 1}]),
    put("history", [{"epoch": 1, "losses": {"total": "low"}}]),
    put("history", [{"epoch": 1, "losses": {}, "metrics": 3}]),
    put("history", [{"epoch": 1, "losses": {}, "metrics": {"a": torch.zeros(1)}}]),
    put("means", "sums", {"total": "x"}),
    put("means", {"sums": {"total": 1.0}, "count": 0}),
    put("network", "first", torch.zeros(1, 2)),
    put("network", "first", None),
    put("network", "unknown", torch.zeros(1)),
    put("average", "first", torch.zeros(7, 7)),
    put("average", "unknown", torch.zeros(1)),
    put("optimizer", "param_groups", []),
    put("optimizer", "param_groups", 0, "params", [0]),
    put("optimizer", "param_groups", 0, "lr", "fast"),
    put("optimizer", "param_groups", 0, "lr", NAN),
    put("optimizer", "param_groups", 0, "weight_decay", True),
    put("optimizer", "state", {10_000: {}}),
    put("optimizer", "state", {"0": {}}),
    put("optimizer", "state", 0, {"momentum_buffer": torch.zeros(1), "exp_avg": torch.zeros(1)}),
    put("optimizer", "state", 0, {"step": torch.zeros(2)}),
    put("optimizer", "state", 0, {1: torch.zeros(2)}),
    put("scaler", {"scale": "x"}),
]


@pytest.mark.parametrize("change", range(len(CHANGES)))
def test_wrong_values_inside(change: int, saved: Saved) -> None:
    refused(saved, CHANGES[change])


def test_other_kinds_of_tensors(saved: Saved) -> None:
    """Sparse, complex, whole numbers and those without data, of the right shape."""
    _, state = saved
    key = next(k for k, v in state["network"].items() if v.ndim == 4)
    tensor = state["network"][key]
    for other in (tensor.to_sparse(), tensor.to(torch.complex64), tensor.to(torch.int32)):
        refused(saved, put("network", key, other), "network", key)
        refused(saved, put("average", f"module.{key}", other), "average", key)


def test_moments_that_are_missing(saved: Saved) -> None:
    _, state = saved
    if "exp_avg" in state["optimizer"]["state"][0]:
        refused(saved, lambda s: s["optimizer"]["state"][0].pop("exp_avg_sq"), "exp_avg_sq")
        refused(saved, put("optimizer", "state", 0, "step", None), "step of parameter 0")


def test_the_state_itself_and_one_with_more_in_it_are_taken(saved: Saved) -> None:
    """Last, since it changes the run: what refused all others is not too strict."""
    run, state = saved
    save_state(run.path, {**state, "from_a_later_version": 3})
    run.load()
    assert run.epoch == 1 and run.history == state["history"]
    for key, value in run.network.state_dict().items():
        assert torch.equal(value, state["network"][key])
