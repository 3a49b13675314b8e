"""Batch, length and rates of a run, from the number of images and the network.

A run is as long as the network needs to learn anything at all, and at least some passes over the
data: a handful of images is seen hundreds of times, a hundred thousand a few.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from e2ec.config import Config

Architecture = Literal["dla34", "nano", "transformers"]
BATCH = 8


@dataclass(frozen=True)
class _Pace:
    """What a network asks of a run.

    Attributes:
        images: shown in training, at least; nano's take some 10 minutes on two CPU cores.
        epochs: over the data, at least.
        fresh, tuned: learning rates from random weights and from trained ones.
    """

    images: int
    epochs: int
    fresh: float
    tuned: float


_PACES = {
    "nano": _Pace(images=6_000, epochs=10, fresh=1.5e-3, tuned=1.5e-3),
    "dla34": _Pace(images=24_000, epochs=60, fresh=5e-4, tuned=1e-4),
    # The backbone knows images already, as weights of a whole network do.
    "transformers": _Pace(images=24_000, epochs=60, fresh=1e-4, tuned=1e-4),
}
_WARM_UP_SHARE, _LONGEST_WARM_UP = 0.05, 500
_AVERAGE_SHARE, _LONGEST_AVERAGE = 0.1, 1000
_MATCHING_SHARE = 0.25
_EVALUATIONS = 6
_SAVES = 100  # of the training state; with an epoch of two steps each takes as long as the epoch


def steps_per_epoch(images: int, batch_size: int) -> int:
    """Steps of an epoch that leaves no image out."""
    return math.ceil(images / batch_size)


def describe(config: Config, images: int) -> str:
    """The schedule of a run in one line."""
    train, optim = config.train, config.optim
    steps = train.epochs * steps_per_epoch(images, train.batch_size)
    return (
        f"schedule: {train.epochs} epochs of {images} images, {steps:,} steps of "
        f"{train.batch_size}; learning rate {optim.lr:g} after {optim.warmup_steps} steps of "
        f"warm-up; moving average {train.ema_decay:g}; evaluation every {train.eval_every} epochs"
    )


def fitting_batch(images: int, processes: int = 1) -> int:
    """The batch size: as even shares of an epoch as can be, of `BATCH` images at most.

    14 images make two steps of 7, not one of 8 with six left over. It is a multiple of the number
    of processes, and may then be larger, but not larger than the images are many.
    """
    share = math.ceil(images / math.ceil(images / BATCH))
    most = max(1, images // processes)
    return min(math.ceil(share / processes), most) * processes


def choose_epochs(images: int, architecture: Architecture) -> int:
    """Passes over the data."""
    pace = _PACES[architecture]
    return max(pace.epochs, math.ceil(pace.images / images))


def choose_schedule(
    images: int, architecture: Architecture, *, batch_size: int, epochs: int, fresh: bool
) -> dict[str, float]:
    """What follows from the length of a run, by the names of the settings.

    Args:
        images: of the training set.
        architecture: of the network.
        batch_size, epochs: chosen, or given.
        fresh: the network starts from random weights.
    """
    pace = _PACES[architecture]
    steps = epochs * steps_per_epoch(images, batch_size)
    average = min(_LONGEST_AVERAGE, max(1.0, _AVERAGE_SHARE * steps))
    return {
        "optim.lr": pace.fresh if fresh else pace.tuned,
        "optim.warmup_steps": min(_LONGEST_WARM_UP, round(_WARM_UP_SHARE * steps)),
        "train.ema_decay": round(1 - 1 / average, 5),
        "train.eval_every": max(1, round(epochs / _EVALUATIONS)),
        "train.save_every": math.ceil(epochs / _SAVES),
        "loss.matching_start_epoch": math.ceil(_MATCHING_SHARE * epochs),
    }
