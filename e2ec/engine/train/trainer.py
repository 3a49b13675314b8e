"""The training loop."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from torch import nn
from tqdm import tqdm

from e2ec.config import Config
from e2ec.engine.data.open_data import open_data, require_trainable
from e2ec.engine.evaluate.evaluator import main_metric
from e2ec.engine.evaluate.validate import validate
from e2ec.engine.predict.predictor import Predictor
from e2ec.engine.train import build
from e2ec.engine.train.console import doubts, evaluation_line, show_step
from e2ec.engine.train.data_record import check_data, data_record
from e2ec.engine.train.ema import MovingAverage
from e2ec.engine.train.interrupt import StopRequest
from e2ec.engine.train.profile import Profile
from e2ec.engine.train.report import Means, Report
from e2ec.engine.train.restore import restore
from e2ec.engine.train.resume import fixed_settings
from e2ec.engine.train.schedule import learning_rate
from e2ec.engine.train.state_check import check_state
from e2ec.engine.train.step import count_step, train_step
from e2ec.engine.train.step_record import StepRecord
from e2ec.engine.weights.checkpoint import load_state, save_state, save_weights
from e2ec.families.family import Batch, family_of
from lib.errors import InputError
from network.layers.sync_batchnorm import convert_sync_batchnorm


class Trainer:
    """A run: from settings to weights, with everything needed to stop and continue.

    Attributes:
        data: what is trained and validated on.
        epoch, step: where training stands: whole epochs done, and steps of the one under way.
        best: highest value of the main metric (`evaluator.main_metric`) so far.
        history: one entry an epoch: mean losses, and metrics where evaluated.
        means: the losses of the epoch under way.
        scored: how validation data is evaluated.
    """

    def __init__(self, config: Config, accelerator: Accelerator) -> None:
        self.accelerator = accelerator
        self.folder = config.out / config.name
        # Large label files are read once; the other processes then find them on disk.
        with accelerator.local_main_process_first():
            self.data = open_data(config)
        self.train_data, self.val_data = self.data.train, self.data.val
        require_trainable(self.train_data, self.val_data)
        self.family = family_of(config)
        config, lines = self.family.resolve(
            config, self.train_data, processes=accelerator.num_processes
        )
        self.config = config
        for line in (self.data.line(), *lines):
            accelerator.print(line)
        self.card = build.build_card(config, self.train_data)
        self.loader, self.sampler = build.build_loader(
            config,
            self.train_data,
            rank=accelerator.process_index,
            world_size=accelerator.num_processes,
            device=accelerator.device,
        )
        self.steps_per_epoch = self.sampler.batches_per_epoch // config.train.accumulate
        if self.steps_per_epoch == 0:
            raise InputError(
                f"the training set has {len(self.train_data)} images, too few for one step of "
                f"{config.train.batch_size}; lower train.batch_size"
            )
        network = build.build_model(config, len(self.train_data.class_names))
        if accelerator.num_processes > 1 and config.train.sync_batchnorm:
            convert_sync_batchnorm(network)
        build.lay_out(network, accelerator.device)
        self.loss = self.family.loss(config)
        optimizer = build.build_optimizer(config.optim, network)
        self.network, self.optimizer = accelerator.prepare(network, optimizer)
        # accelerate makes the forward itself mixed, evaluation included; `train_step` asks for
        # autocast where it is meant, so the plain forward is put back.
        accelerator.unwrap_model(self.network, keep_fp32_wrapper=False)
        self.average: MovingAverage | None = None
        if config.train.ema_decay > 0:
            self.average = MovingAverage(self.plain, config.train.ema_decay)
        main = accelerator.is_main_process
        self.profile = Profile(self.folder, steps=config.train.profile if main else 0)
        self.epoch = 0
        self.step = 0
        self.best = -math.inf
        self.history: list[dict[str, Any]] = []
        self.means = Means()
        self.scored = config.eval
        if config.train.eval_iou_types is not None:
            self.scored = replace(config.eval, iou_types=config.train.eval_iou_types)

    @property
    def plain(self) -> nn.Module:
        """The network without its distributed wrapper."""
        return self.accelerator.unwrap_model(self.network)

    @property
    def evaluated(self) -> nn.Module:
        """The network that is evaluated and saved: the moving average where there is one."""
        return self.plain if self.average is None else self.average.module

    @property
    def state_path(self) -> Path:
        """The file to resume from."""
        return self.folder / "last" / "state.pt"

    def run(self) -> bool:
        """Train to the end; False if stopped before (the state is saved, `resume` continues).

        At the end the last weights lie beside the best: a training in several stages goes on from
        them.
        """
        total = self.config.train.epochs * self.steps_per_epoch
        done = self.epoch * self.steps_per_epoch + self.step
        main = self.accelerator.is_main_process
        with (
            StopRequest() as stop,
            self.profile,
            closing(self.loader),
            closing(Report(self.folder, enabled=main, first_step=done)) as report,
            tqdm(total=total, initial=done, unit="step", disable=not main) as bar,
        ):
            while self.epoch < self.config.train.epochs:
                if not self._epoch(stop, report, bar):
                    self._save_state()
                    return False
                if not self._finish_epoch(report, stop):
                    return False
            if main:
                last = self.state_path.with_name("weights.safetensors")
                metrics = self.history[-1]["metrics"]  # the last epoch is always evaluated
                card = replace(self.card, stage=metrics.get("stage", self.card.stage))
                save_weights(last, self.evaluated, card)
        return True

    def _epoch(self, stop: StopRequest, report: Report, bar: tqdm[Any]) -> bool:
        """Train the rest of the current epoch; False when asked to stop on the way.

        The numbers of a step are read when the next one is under way, and of all steps before
        this returns: weights that a loss that is not finite has spoilt are never saved.
        """
        self.sampler.set_epoch(self.epoch)
        self.sampler.skip(self.step * self.config.train.accumulate)
        self.network.train()
        alone = self.accelerator.num_processes == 1
        finished = True
        before: StepRecord | None = None
        for micro_batches in self._steps():
            if alone and stop.requested:
                finished = False
                break
            record = self._step(micro_batches, stop)
            # Processes stop together by the votes that all of them read of the same step.
            finished = before is None or not self._take(before, report, bar)
            before = record
            if not finished:
                break
        # The votes of an epoch's last step are read here; with one step an epoch all of them.
        if before is not None and self._take(before, report, bar):
            finished = False
        return finished

    def _step(self, micro_batches: list[Batch], stop: StopRequest) -> StepRecord:
        """One optimiser step; the device may still be at it when this returns."""
        counts = count_step(micro_batches, self.loss, self.accelerator, stop=stop.requested)
        rate = self._set_learning_rate()
        values = train_step(
            self.family,
            self.network,
            self.optimizer,
            self.loss,
            micro_batches,
            counts,
            self.accelerator,
            epoch=self.epoch,
            clip_value=self.config.optim.clip_value,
        )
        if self.average is not None:
            self.average.update_parameters(self.plain)
        self.step += 1
        self.profile.step()
        number = self.step + self.epoch * self.steps_per_epoch
        return StepRecord(values, micro_batches, epoch=self.epoch, number=number, rate=rate)

    def _take(self, record: StepRecord, report: Report, bar: tqdm[Any]) -> bool:
        """Note a step's losses; True when a process was asked to stop before it."""
        losses, stopping = record.read()
        self.means.add(losses)
        report.step(record.number, losses, record.rate)
        show_step(bar, losses, rate=record.rate, epoch=self.epoch, train=self.config.train)
        return stopping

    def _steps(self) -> Iterator[list[Batch]]:
        """The batches of the epoch under way, grouped by optimiser step, on the device."""
        batches = (batch.to(self.accelerator.device) for batch in self.loader)
        for _ in range(self.steps_per_epoch - self.step):
            yield list(itertools.islice(batches, self.config.train.accumulate))

    def _finish_epoch(self, report: Report, stop: StopRequest) -> bool:
        """Evaluate, record, save; False when asked to stop while evaluating."""
        train = self.config.train
        epoch = self.epoch + 1
        last = epoch == train.epochs
        entry: dict[str, Any] = {"epoch": epoch}
        if epoch % train.eval_every == 0 or last:
            # Whatever happens to the evaluation, the training before it is kept: all steps of the
            # epoch done and the epoch not counted means that the evaluation is still to come.
            self._save_state()
            metrics = self._evaluate(report, stop, epoch)
            if metrics is None:
                return False
            entry["metrics"] = metrics
        entry["losses"] = self.means.take()
        self.epoch, self.step = epoch, 0
        self.history.append(entry)
        report.epoch(entry, self.history)
        if "metrics" in entry and self.accelerator.is_main_process:
            for line in doubts(self.history, main_metric(self.scored), train.epochs):
                tqdm.write(line)
        if epoch % train.save_every == 0 or last:
            self._save_state()
        return True

    def _evaluate(self, report: Report, stop: StopRequest, epoch: int) -> dict[str, Any] | None:
        """Metrics of the current weights; the best are kept as weights.safetensors, which names
        the stage that these metrics belong to."""
        predictor = Predictor(self.evaluated, self.card, device=self.accelerator.device)
        metrics = validate(predictor, self.val_data, self.scored, self.accelerator, stop=stop)
        if metrics is None or not self.accelerator.is_main_process:
            return metrics
        predictor.card = replace(self.card, stage=metrics.get("stage", self.card.stage))
        report.picture(predictor, self.val_data, epoch)
        value = metrics.get(main_metric(self.scored))
        value = -1.0 if value is None or math.isnan(value) else float(value)
        saved = None
        if value > self.best:
            self.best = value
            saved = self.folder / "weights.safetensors"
            save_weights(saved, self.evaluated, predictor.card)
        name = main_metric(self.scored)
        line = evaluation_line(
            epoch, metrics, config=self.config, metric=name, best=self.best, saved=saved
        )
        tqdm.write(line)
        return metrics

    def _set_learning_rate(self) -> float:
        rate = learning_rate(
            self.config.optim,
            step=self.epoch * self.steps_per_epoch + self.step,
            steps_per_epoch=self.steps_per_epoch,
            epochs=self.config.train.epochs,
        )
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        return rate

    def _save_state(self) -> None:
        if not self.accelerator.is_main_process:
            return
        scaler = self.accelerator.scaler
        state = {
            "class_names": list(self.card.class_names),
            "settings": fixed_settings(self.config),
            "images": data_record(self.train_data, self.val_data),
            "epoch": self.epoch,
            "step": self.step,
            "best": self.best,
            "history": self.history,
            "means": self.means.state(),
            "network": self.plain.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "scaler": None if scaler is None else scaler.state_dict(),
        }
        save_state(self.state_path, state)

    def load_state(self) -> None:
        """Continue from `last/`.

        Raises:
            InputError: there is no usable state, or it belongs to other settings or images.
        """
        state = load_state(self.state_path)
        check_state(
            state,
            name=str(self.state_path),
            config=self.config,
            class_names=self.card.class_names,
            network=self.plain,
            optimizer=self.optimizer,
            average=self.average,
            steps_per_epoch=self.steps_per_epoch,
        )
        images = data_record(self.train_data, self.val_data)
        # Older states do not say which images they were made of.
        check_data(state.get("images", images), images, name=str(self.state_path))
        restore(
            state,
            name=str(self.state_path),
            network=self.plain,
            optimizer=self.optimizer,
            average=self.average,
            scaler=self.accelerator.scaler,
        )
        self.epoch, self.step = state["epoch"], state["step"]
        self.best, self.history = state["best"], state["history"]
        self.means = Means.from_state(state["means"])
