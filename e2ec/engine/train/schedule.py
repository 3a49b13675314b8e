"""The learning rate as a function of the step: nothing to save, nothing to forget on a resume."""

from __future__ import annotations

import math

from e2ec.config import OptimConfig


def learning_rate(config: OptimConfig, *, step: int, steps_per_epoch: int, epochs: int) -> float:
    """Learning rate of optimiser step `step`, counted from 0 over the whole run.

    The step schedule changes at whole epochs; the cosine schedule falls at every step, from the
    end of the warm-up to zero at the end of the run. Warm-up is linear and multiplies both.
    """
    warm = min(1.0, (step + 1) / (config.warmup_steps + 1))
    if config.schedule == "step":
        epoch = step // steps_per_epoch
        passed = sum(epoch >= milestone for milestone in config.milestones)
        return config.lr * warm * config.factor**passed
    total = max(1, epochs * steps_per_epoch - config.warmup_steps)
    progress = min(1.0, max(0, step - config.warmup_steps) / total)
    return config.lr * warm * 0.5 * (1 + math.cos(math.pi * progress))
