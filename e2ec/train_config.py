"""The settings of the training loop; loads no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from e2ec.data_config import require
from e2ec.eval_config import IouType


@dataclass(frozen=True)
class TrainConfig:
    """The training loop."""

    epochs: int = 150
    """Passes over the training set."""
    batch_size: int = 24
    """Images per optimiser step, over all processes and micro-batches."""
    accumulate: int = 1
    """Micro-batches per optimiser step; more of them need less memory."""
    precision: Literal["fp64", "fp32", "bf16", "fp16"] = "fp32"
    """Arithmetic of the network; contours and losses stay in fp32 or better. fp64 is for
    comparisons, where rounding must not hide or feign a difference."""
    ema_decay: float = 0.0
    """Decay of the exponential moving average that is evaluated and saved; 0 turns it off."""
    sync_batchnorm: bool = True
    """Batch statistics over all processes, so that their number does not change the result."""
    freeze_batchnorm: bool = False
    """Batch normalisation uses the running statistics of the weights that training starts from and
    leaves them as they are; its scales and shifts still learn. For small batches and fine-tuning
    (`model.weights`)."""
    seed: int = 0
    """Seed of weights, order and augmentation."""
    fill_last: bool = False
    """Fill up an epoch's last batch with images from its beginning, so that every epoch sees every
    image. By default the images that do not fill a batch are left out of the epoch."""
    eval_every: int = 5
    """Epochs between evaluations; the last epoch is always evaluated."""
    eval_iou_types: tuple[IouType, ...] | None = None
    """What these evaluations score; None takes `eval.iou_types`. The first one decides which
    weights are best. Boundaries of large images take longer than the network."""
    keep: Literal["best", "last"] = "best"
    """Which evaluated weights stay as weights.safetensors: those with the best main metric on the
    validation data, or the last. The best are chosen on the images that they are reported on, which
    flatters; published protocols take the last."""
    save_every: int = 1
    """Epochs between two saves of the training state."""
    profile: int = 0
    """Number of steps, after the first three, that are traced by torch into trace.json in the run's
    folder; 0 writes none."""
    report: bool = False
    """Also write report.html into the run's folder at the end: curves and settings."""

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "accumulate", "eval_every", "save_every"):
            require(getattr(self, name) > 0, f"train.{name} must be positive")
        require(self.seed >= 0, "train.seed must not be negative")
        require(self.eval_iou_types != (), "train.eval_iou_types must name at least one")
        require(self.profile >= 0, "train.profile must not be negative")
        require(0 <= self.ema_decay < 1, "train.ema_decay must lie in [0, 1)")
        require(
            self.batch_size % self.accumulate == 0,
            "train.batch_size must be a multiple of train.accumulate",
        )
