"""Learning rates worked out by hand."""

from __future__ import annotations

import math

import pytest

from e2ec.config import OptimConfig
from e2ec.engine.train.schedule import learning_rate


def rate(config: OptimConfig, step: int) -> float:
    """Of a run of 10 epochs of 4 steps."""
    return learning_rate(config, step=step, steps_per_epoch=4, epochs=10)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (0, 1.0),
        (11, 1.0),  # the last step of epoch 2
        (12, 0.5),  # epoch 3 is a milestone
        (27, 0.5),
        (28, 0.25),  # epoch 7 is the second
        (39, 0.25),
    ],
)
def test_steps_at_milestones(step: int, expected: float) -> None:
    config = OptimConfig(lr=1.0, schedule="step", milestones=(3, 7), factor=0.5)
    assert rate(config, step) == pytest.approx(expected)


def test_the_order_of_milestones_does_not_matter() -> None:
    config = OptimConfig(lr=1.0, schedule="step", milestones=(7, 3), factor=0.5)
    assert rate(config, 12) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (0, 2.0),
        (10, 2 * 0.5 * (1 + math.cos(math.pi / 4))),  # a quarter of 40 steps: 1.7071
        (20, 1.0),
        (40, 0.0),
    ],
)
def test_cosine_falls_to_zero(step: int, expected: float) -> None:
    assert rate(OptimConfig(lr=2.0, schedule="cosine"), step) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (0, 0.2),  # (0 + 1) / (4 + 1)
        (3, 0.8),
        (4, 1.0),
        (22, 0.5),  # 18 of the 36 steps after the warm-up
    ],
)
def test_warm_up_is_linear_and_comes_before_the_cosine(step: int, expected: float) -> None:
    config = OptimConfig(lr=1.0, schedule="cosine", warmup_steps=4)
    assert rate(config, step) == pytest.approx(expected)


def test_warm_up_longer_than_the_run() -> None:
    config = OptimConfig(lr=1.0, schedule="cosine", warmup_steps=99)
    assert rate(config, 9) == pytest.approx(0.1)
