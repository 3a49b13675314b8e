"""Where a run stands, and the file that it is continued from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from e2ec.config import Config
from e2ec.engine.train.ema import MovingAverage
from e2ec.engine.train.resume import check_images, fixed_settings
from e2ec.engine.train.state_check import check_state
from e2ec.engine.weights.checkpoint import load_state, save_state
from lib.errors import InputError
from lib.memory import is_out_of_memory


@dataclass
class Means:
    """Running means of named values."""

    sums: dict[str, float] = field(default_factory=dict)
    count: int = 0

    def add(self, values: Mapping[str, float]) -> None:
        """Take in one step's values."""
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.count += 1

    def take(self) -> dict[str, float]:
        """The means so far; starts anew."""
        means = {name: total / self.count for name, total in self.sums.items()}
        self.sums, self.count = {}, 0
        return means


@dataclass
class RunState:
    """Everything that changes while a run trains, and what a saved state of it belongs to.

    Attributes:
        path: the file to resume from.
        config: the settings.
        class_names: of the data.
        images: file names of all images by split, in order, relative to the data's folder.
        steps_per_epoch: of this data.
        network: without its distributed wrapper.
        average: the moving average of its weights, if there is one.
        scaler: of the loss, in fp16.
        epoch, step: where training stands: whole epochs done, and steps of the one under way.
        best: highest value of the main metric (`evaluator.main_metric`) so far.
        history: one entry an epoch: mean losses, and metrics where evaluated.
        kept: what weights.safetensors is of (`kept.described`); None before it is written.
        means: the losses of the epoch under way.
        norms: its gradients' norms, of the steps that were not skipped.
    """

    path: Path
    config: Config
    class_names: tuple[str, ...]
    images: Mapping[str, list[str]]
    steps_per_epoch: int
    network: nn.Module
    optimizer: torch.optim.Optimizer
    average: MovingAverage | None
    scaler: torch.amp.GradScaler | None
    epoch: int = 0
    step: int = 0
    best: float = -math.inf
    history: list[dict[str, Any]] = field(default_factory=list)
    kept: dict[str, Any] | None = None
    means: Means = field(default_factory=Means)
    norms: Means = field(default_factory=Means)

    @property
    def evaluated(self) -> nn.Module:
        """The network that is evaluated and saved: the moving average where there is one."""
        return self.network if self.average is None else self.average.module

    @property
    def steps_done(self) -> int:
        """Of the whole run."""
        return self.epoch * self.steps_per_epoch + self.step

    def save(self) -> None:
        """Write the state.

        Raises:
            InputError: it cannot be written; the previous state is untouched.
        """
        state = {
            "class_names": list(self.class_names),
            "settings": fixed_settings(self.config),
            "images": dict(self.images),
            "epoch": self.epoch,
            "step": self.step,
            "best": self.best,
            "history": self.history,
            "kept": self.kept,
            "means": asdict(self.means),
            "norms": asdict(self.norms),
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "scaler": None if self.scaler is None else self.scaler.state_dict(),
        }
        save_state(self.path, state)

    def load(self) -> None:
        """Take over what was saved, all of it or nothing.

        Raises:
            InputError: there is no usable state, or it belongs to other settings or images.
        """
        state, name = load_state(self.path), str(self.path)
        check_state(
            state,
            name=name,
            config=self.config,
            class_names=self.class_names,
            network=self.network,
            optimizer=self.optimizer,
            average=self.average,
            steps_per_epoch=self.steps_per_epoch,
        )
        # Older states do not say which images they were made of.
        check_images(state.get("images", self.images), self.images, name=name)
        try:
            self.network.load_state_dict(state["network"])
            self.optimizer.load_state_dict(state["optimizer"])
            if self.average is not None:
                self.average.load_state_dict(state["average"])
            if self.scaler is not None and state["scaler"] is not None:
                self.scaler.load_state_dict(state["scaler"])
        except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
            if is_out_of_memory(error):
                raise
            raise InputError(
                f"{name}: belongs to other settings than these; resume with the settings in "
                "config.json beside it"
            ) from error
        self.epoch, self.step = state["epoch"], state["step"]
        self.best, self.history = state["best"], state["history"]
        self.kept = state.get("kept")
        self.means = _read_means(state["means"])
        # Older states have none.
        self.norms = _read_means(state.get("norms", asdict(Means())))


def _read_means(saved: Mapping[str, Any]) -> Means:
    return Means(dict(saved["sums"]), saved["count"])
