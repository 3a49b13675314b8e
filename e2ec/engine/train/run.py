"""A training run from its settings."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path

import torch
from accelerate import Accelerator, InitProcessGroupKwargs

from e2ec.config import Config
from e2ec.engine.evaluate.evaluator import main_metric
from e2ec.engine.predict.device import select_device
from e2ec.engine.train.console import image_folder, summary
from e2ec.engine.train.resume import keep_choices
from e2ec.engine.train.trainer import Trainer
from lib.errors import InputError
from lib.files import atomic_write_json, remove_temporaries
from lib.folder_lock import FolderLock

# Other processes wait while the main one scores a large validation set.
_PATIENCE = timedelta(hours=6)


def train(config: Config) -> bool:
    """Train; False if stopped by a signal before the end (`resume` continues).

    Raises:
        InputError: data, weights, device or output folder are unusable, the run exists already
            or is under way, or the loss is not finite.
    """
    accelerator = make_accelerator(config)
    folder = config.out / config.name
    lock = FolderLock(folder, remedy="wait for it, stop it, or choose another --name")
    with lock if accelerator.is_main_process else nullcontext():
        if lock.held:  # what a killed run was writing when it was killed
            remove_temporaries(folder, folder / "last", folder / "pictures")
        finished = _train(config, accelerator, folder)
        # The first validates alone; nobody takes the process group apart while another uses it.
        accelerator.wait_for_everyone()
        accelerator.end_training()
        return finished


def _train(config: Config, accelerator: Accelerator, folder: Path) -> bool:
    """`train`, with the run's folder to itself."""
    saved = (folder / "last" / "state.pt").exists()
    if saved and not (config.resume or config.resume_or_start):
        raise InputError(
            f"{folder}: holds a run already; continue it with --resume or choose another --name"
        )
    if saved:
        config = keep_choices(config, folder / "config.json")
    trainer = Trainer(config, accelerator)
    if trainer.config.train.freeze_batchnorm and trainer.config.model.weights is None:
        accelerator.print(
            "warning: train.freeze_batchnorm without --model.weights: batch statistics that were "
            "never learnt, those of all layers that begin at random, stay as they are"
        )
    if config.resume_or_start and not saved:
        accelerator.print(f"{folder}: nothing saved yet; starting from the beginning")
    elif config.resume or config.resume_or_start:
        trainer.load()
        if trainer.state.epoch >= trainer.config.train.epochs:
            accelerator.print(
                f"finished already, after {trainer.state.epoch} epochs; more --train.epochs go on; "
                f"weights, curves and metrics: {folder}"
            )
            return True
    if accelerator.is_main_process:
        atomic_write_json(folder / "config.json", trainer.config.to_dict(), indent=1)
        record = trainer.data.record()
        if record is not None:
            atomic_write_json(folder / "splits.json", record, indent=1)
    finished = trainer.run()
    ending = f"stopped; continue with --resume (state in {folder / 'last'})"
    if finished:
        ending = summary(
            trainer.config,
            trainer.state.history,
            trainer.state.kept,
            metric=main_metric(trainer.scored),
            images=image_folder(trainer.data.val),
            detects=trainer.family.detects,
        )
    accelerator.print(ending)
    return finished


def make_accelerator(config: Config) -> Accelerator:
    """The accelerate object: device, precision, process group.

    Raises:
        InputError: the device is not there, or cannot compute in this precision.
    """
    device = select_device(config.device)
    if config.train.precision == "fp16" and device.type == "cpu":
        raise InputError("train.precision fp16 needs a GPU; use bf16 or fp32 on the CPU")
    torch.backends.cudnn.benchmark = device.type == "cuda"
    mixed = config.train.precision if config.train.precision in ("bf16", "fp16") else "no"
    return Accelerator(
        mixed_precision=mixed,
        cpu=device.type == "cpu",
        kwargs_handlers=[InitProcessGroupKwargs(timeout=_PATIENCE)],
    )
