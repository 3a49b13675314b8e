"""A training that is stopped after some steps, and whether two runs ended with the same weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from e2ec.engine.train import trainer as trainer_module


def stop_after(steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on a training is interrupted before the step behind so many."""
    done: list[int] = []
    original = trainer_module.train_step

    def step(*arguments: Any, **options: Any) -> Any:
        if len(done) == steps:
            raise KeyboardInterrupt
        done.append(1)
        return original(*arguments, **options)

    monkeypatch.setattr(trainer_module, "train_step", step)


def assert_same_weights(one: Path, other: Path) -> None:
    """The best and the last weights of two run folders are equal to the last bit."""
    for name in ("weights.safetensors", "last/weights.safetensors"):
        first, second = (safetensors.torch.load_file(folder / name) for folder in (one, other))
        assert first.keys() == second.keys()
        assert all(torch.equal(first[key], second[key]) for key in first), name
