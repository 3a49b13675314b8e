"""The moving average of weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from e2ec.engine.ema import moving_average


def test_the_decay_warms_up_and_statistics_are_averaged_too() -> None:
    network = nn.BatchNorm1d(1)
    average = AveragedModel(network, avg_fn=moving_average(0.5), use_buffers=True)
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
    rule = moving_average(0.9)
    assert rule(torch.tensor(0.0), torch.tensor(1.0), 10_000).item() == pytest.approx(0.1)
