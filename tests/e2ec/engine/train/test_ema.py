"""The moving average of weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from e2ec.engine.train.ema import MovingAverage


def test_the_decay_warms_up_and_statistics_are_averaged_too() -> None:
    network = nn.BatchNorm1d(1)
    average = MovingAverage(network, 0.5)
    for value in (0.0, 1.0, 2.0, 3.0):
        with torch.no_grad():
            network.weight.fill_(value)
            network.running_mean.fill_(value)
            network.num_batches_tracked.fill_(int(value))
        average.update_parameters(network)
    # Decays: the first update copies; then 2/11, 3/12, 4/13, all below 0.5.
    expected = 0.0
    for value, decay in ((1.0, 2 / 11), (2.0, 3 / 12), (3.0, 4 / 13)):
        expected = decay * expected + (1 - decay) * value
    assert average.module.weight.item() == pytest.approx(expected)
    assert average.module.running_mean.item() == pytest.approx(expected)
    assert average.module.num_batches_tracked.item() == 3


def test_the_decay_stays_at_its_setting() -> None:
    network = nn.Linear(1, 1)
    average = MovingAverage(network, 0.9)
    with torch.no_grad():
        average.module.weight.fill_(0)
        network.weight.fill_(1)
    average.n_averaged.fill_(10_000)
    average.update_parameters(network)
    assert average.module.weight.item() == pytest.approx(0.1)
