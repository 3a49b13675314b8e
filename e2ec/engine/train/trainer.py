"""The training loop."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
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
from e2ec.engine.train.ema import MovingAverage
from e2ec.engine.train.frozen_batchnorm import freeze_batchnorm
from e2ec.engine.train.interrupt import StopRequest
from e2ec.engine.train.kept import described, kept_evaluation, rank
from e2ec.engine.train.profile import Profile
from e2ec.engine.train.report import Report
from e2ec.engine.train.run_state import RunState
from e2ec.engine.train.schedule import learning_rate
from e2ec.engine.train.step import StepRecord, count_step, train_step
from e2ec.engine.weights.checkpoint import save_weights
from e2ec.families.family import Batch
from e2ec.families.find_family import family_of
from e2ec.families.model_card import ModelCard
from lib.errors import InputError
from network.layers.sync_batchnorm import convert_sync_batchnorm


class Trainer:
    """A run: from settings to weights, with everything needed to stop and continue.

    Attributes:
        data: what is trained and validated on.
        state: where training stands; with the weights.
        network: the network inside its distributed wrapper, where there is one.
        scored: how validation data is evaluated.
    """

    def __init__(self, config: Config, accelerator: Accelerator) -> None:
        self.accelerator = accelerator
        self.folder = config.out / config.name
        # Large label files are read once; the other processes then find them on disk.
        with accelerator.local_main_process_first():
            self.data = open_data(config)
        require_trainable(self.data.train, self.data.val)
        self.family = family_of(config)
        self.config, lines = self.family.resolve(
            config, self.data.train, processes=accelerator.num_processes
        )
        for line in (self.data.line(), *lines):
            accelerator.print(line)
        self.card = build.build_card(self.config, self.data.train)
        self.loader, self.sampler = build.build_loader(
            self.config,
            self.data.train,
            rank=accelerator.process_index,
            world_size=accelerator.num_processes,
            device=accelerator.device,
        )
        self.loss = self.family.loss(self.config)
        self.network, self.state = self._prepare()
        steps = self.config.train.profile if accelerator.is_main_process else 0
        self.profile = Profile(self.folder, steps=steps)
        types = self.config.train.eval_iou_types or self.config.eval.iou_types
        self.scored = replace(self.config.eval, iou_types=types)

    def _prepare(self) -> tuple[nn.Module, RunState]:
        """The network on its device, in all wrappers, and the state that belongs to it."""
        config, accelerator = self.config, self.accelerator
        steps = self.sampler.batches_per_epoch // config.train.accumulate
        if steps == 0:
            raise InputError(
                f"the training set has {len(self.data.train)} images, too few for one step of "
                f"{config.train.batch_size}; lower train.batch_size"
            )
        network = build.build_model(config, len(self.data.train.class_names))
        if accelerator.num_processes > 1 and config.train.sync_batchnorm:
            convert_sync_batchnorm(network)
        build.lay_out(network, accelerator.device)
        optimizer = build.build_optimizer(config.optim, network, self.family.rate_factors(config))
        wrapped, optimizer = accelerator.prepare(network, optimizer)
        # accelerate makes the forward itself mixed, evaluation included; `train_step` asks for
        # autocast where it is meant, so the plain forward is put back.
        plain = accelerator.unwrap_model(wrapped, keep_fp32_wrapper=False)
        decay = config.train.ema_decay
        splits = {"train": self.data.train, "val": self.data.val}
        return wrapped, RunState(
            path=self.folder / "last" / "state.pt",
            config=config,
            class_names=self.card.class_names,
            images={name: list(data.image_names) for name, data in splits.items()},
            steps_per_epoch=steps,
            network=plain,
            optimizer=optimizer,
            average=MovingAverage(plain, decay) if decay > 0 else None,
            scaler=accelerator.scaler,
        )

    def load(self) -> None:
        """Take over the saved state; of older ones, whose runs have always kept the same, it is
        worked out which weights they kept.

        Raises:
            InputError: as of `RunState.load`.
        """
        state = self.state
        state.load()
        if state.kept is None:
            name = main_metric(self.scored)
            state.kept = kept_evaluation(state.history, name, self.config.train.keep)

    def run(self) -> bool:
        """Train to the end; False if stopped before (the state is saved, `resume` continues).

        At the end the last weights lie beside the best: a training in several stages goes on from
        them.
        """
        state, epochs = self.state, self.config.train.epochs
        total, done = epochs * state.steps_per_epoch, state.steps_done
        main = self.accelerator.is_main_process
        with (
            StopRequest() as stop,
            self.profile,
            closing(self.loader),
            closing(Report(self.folder, enabled=main, first_step=done)) as report,
            tqdm(total=total, initial=done, unit="step", disable=not main) as bar,
        ):
            while state.epoch < epochs:
                if not self._epoch(stop, report, bar):
                    self._save_state()
                    return False
                if not self._finish_epoch(report, stop):
                    return False
            if main:
                last = state.path.with_name("weights.safetensors")
                metrics = state.history[-1]["metrics"]  # the last epoch is always evaluated
                save_weights(last, state.evaluated, self._card(metrics))
        return True

    def _epoch(self, stop: StopRequest, report: Report, bar: tqdm[Any]) -> bool:
        """Train the rest of the current epoch; False when asked to stop on the way.

        The numbers of a step are read when the next one is under way, and of all steps before
        this returns: weights that a loss that is not finite has spoilt are never saved.
        """
        self.sampler.set_epoch(self.state.epoch)
        self.sampler.skip(self.state.step * self.config.train.accumulate)
        self.network.train()
        if self.config.train.freeze_batchnorm:
            freeze_batchnorm(self.network)
        alone = self.accelerator.num_processes == 1
        finished = True
        before: tuple[StepRecord, int, float] | None = None
        for micro_batches in self._steps():
            if alone and stop.requested:
                finished = False
                break
            record = self._step(micro_batches, stop)
            # Processes stop together by the votes that all of them read of the same step.
            finished = before is None or not self._take(*before, report, bar)
            before = record
            if not finished:
                break
        # The votes of an epoch's last step are read here; with one step an epoch all of them.
        if before is not None and self._take(*before, report, bar):
            finished = False
        return finished

    def _step(self, micro_batches: list[Batch], stop: StopRequest) -> tuple[StepRecord, int, float]:
        """One optimiser step, its number from 1, and its rate; the device may still be at it."""
        state = self.state
        counts = count_step(micro_batches, self.loss, self.accelerator, stop=stop.requested)
        rate = learning_rate(
            self.config.optim,
            step=state.steps_done,
            steps_per_epoch=state.steps_per_epoch,
            epochs=self.config.train.epochs,
        )
        for group in state.optimizer.param_groups:
            group["lr"] = rate * group.get("lr_factor", 1.0)
        teacher = None
        if state.average is not None and self.family.wants_teacher(self.config, epoch=state.epoch):
            teacher = state.average.module
        record = train_step(
            self.family,
            self.network,
            state.optimizer,
            self.loss,
            micro_batches,
            counts,
            self.accelerator,
            epoch=state.epoch,
            clip_value=self.config.optim.clip_value,
            clip_norm=self.config.optim.clip_norm,
            teacher=teacher,
        )
        # A step that the scaler skips has changed nothing: averaging it would weigh what was before
        # it twice. Only the optimiser of accelerate knows such steps.
        skipped = getattr(state.optimizer, "step_was_skipped", False)
        if state.average is not None and not skipped:
            state.average.update_parameters(state.network)
        state.step += 1
        self.profile.step()
        return record, state.steps_done, rate

    def _take(
        self, record: StepRecord, number: int, rate: float, report: Report, bar: tqdm[Any]
    ) -> bool:
        """Note a step's losses; True when a process was asked to stop before it."""
        losses, norm, stopping = record.read()
        self.state.means.add(losses)
        if math.isfinite(norm):
            self.state.norms.add({"gradient_norm": norm})
        report.step(number, losses, rate, norm)
        show_step(bar, losses, rate=rate, epoch=self.state.epoch, train=self.config.train)
        return stopping

    def _steps(self) -> Iterator[list[Batch]]:
        """The batches of the epoch under way, grouped by optimiser step, on the device."""
        batches = (batch.to(self.accelerator.device) for batch in self.loader)
        for _ in range(self.state.steps_per_epoch - self.state.step):
            yield list(itertools.islice(batches, self.config.train.accumulate))

    def _finish_epoch(self, report: Report, stop: StopRequest) -> bool:
        """Evaluate, record, save; False when asked to stop while evaluating."""
        train, state = self.config.train, self.state
        epoch = state.epoch + 1
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
        entry["losses"] = state.means.take()
        entry |= state.norms.take()
        state.epoch, state.step = epoch, 0
        state.history.append(entry)
        name = main_metric(self.scored)
        report.epoch(entry, state.history, state.kept)
        if "metrics" in entry and self.accelerator.is_main_process:
            falling = self.family.falling_losses
            for line in doubts(state.history, name, train.epochs, falling):
                tqdm.write(line)
        if epoch % train.save_every == 0 or last:
            self._save_state()
        return True

    def _evaluate(self, report: Report, stop: StopRequest, epoch: int) -> dict[str, Any] | None:
        """Metrics of the current weights; the best, or these (`train.keep`), are kept as
        weights.safetensors, which names the stage that these metrics belong to."""
        state, name = self.state, main_metric(self.scored)
        predictor = Predictor(state.evaluated, self.card, device=self.accelerator.device)
        metrics = validate(predictor, self.data.val, self.scored, self.accelerator, stop=stop)
        if metrics is None or not self.accelerator.is_main_process:
            return metrics
        predictor.card = self._card(metrics)
        report.picture(predictor, self.data.val, epoch)
        keep, saved = self.config.train.keep, None
        better = state.kept is None or rank(metrics, name) > rank(state.kept, name)
        state.best = max(state.best, rank(metrics, name))
        if better or keep == "last":
            saved = self.folder / "weights.safetensors"
            save_weights(saved, state.evaluated, predictor.card)
            state.kept = described({"epoch": epoch, "metrics": metrics}, name, keep)
        line = evaluation_line(
            epoch, metrics, config=self.config, metric=name, best=state.best, saved=saved
        )
        tqdm.write(line)
        return metrics

    def _card(self, metrics: dict[str, Any]) -> ModelCard:
        """The card of weights with these metrics."""
        return replace(self.card, stage=metrics.get("stage", self.card.stage))

    def _save_state(self) -> None:
        if self.accelerator.is_main_process:
            self.state.save()
