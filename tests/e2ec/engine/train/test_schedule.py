"""Learning rates worked out by hand."""

from __future__ import annotations

import math

import pytest

from e2ec.config import OptimConfig
from e2ec.engine.train.schedule import learning_rate

STEPS = OptimConfig(lr=1.0, schedule="step", milestones=(3, 7), factor=0.5)
OTHER_ORDER = OptimConfig(lr=1.0, schedule="step", milestones=(7, 3), factor=0.5)
COSINE = OptimConfig(lr=2.0, schedule="cosine")
# Linear, before the cosine; and longer than the run.
WARM = OptimConfig(lr=1.0, schedule="cosine", warmup_steps=4)
LONG = OptimConfig(lr=1.0, schedule="cosine", warmup_steps=99)


@pytest.mark.parametrize(
    ("config", "step", "expected"),
    [
        (STEPS, 0, 1.0),
        (STEPS, 11, 1.0),  # the last step of epoch 2
        (STEPS, 12, 0.5),  # epoch 3 is a milestone
        (STEPS, 27, 0.5),
        (STEPS, 28, 0.25),  # epoch 7 is the second
        (STEPS, 39, 0.25),
        (OTHER_ORDER, 12, 0.5),
        (COSINE, 0, 2.0),
        (COSINE, 10, 2 * 0.5 * (1 + math.cos(math.pi / 4))),  # a quarter of 40 steps: 1.7071
        (COSINE, 20, 1.0),
        (COSINE, 40, 0.0),
        (WARM, 0, 0.2),  # (0 + 1) / (4 + 1)
        (WARM, 3, 0.8),
        (WARM, 4, 1.0),
        (WARM, 22, 0.5),  # 18 of the 36 steps after the warm-up
        (LONG, 9, 0.1),
    ],
)
def test_rates(config: OptimConfig, step: int, expected: float) -> None:
    """Of a run of 10 epochs of 4 steps."""
    found = learning_rate(config, step=step, steps_per_epoch=4, epochs=10)
    assert found == pytest.approx(expected)
