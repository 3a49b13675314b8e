"""The exponential moving average of weights and buffers."""

from __future__ import annotations

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel


class MovingAverage(AveragedModel):
    """torch's, with its states, updated all tensors at once and without waiting for the device.

    The decay warms up as (1 + n) / (10 + n) after n updates, so that the random start does not
    stay in the average for 1 / (1 - decay) steps. Batch statistics are averaged too: the current
    ones do not fit averaged weights.
    """

    n_averaged: torch.Tensor
    """Number of updates; stays on the host."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        super().__init__(model, use_buffers=True)
        self.decay = decay

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """Move towards the parameters and buffers of `model`; the first update copies them."""
        count = int(self.n_averaged)
        weight = 1 - min((1 + count) / (10 + count), self.decay) if count else 1.0
        averaged = [*self.module.parameters(), *self.module.buffers()]
        current = [*model.parameters(), *model.buffers()]
        pairs = list(zip(averaged, current, strict=True))
        moving = [pair for pair in pairs if pair[0].is_floating_point()]
        if moving:
            own, other = zip(*moving, strict=True)
            torch._foreach_lerp_(own, other, weight)
        for own_number, number in pairs:
            if not own_number.is_floating_point():
                own_number.copy_(number)
        self.n_averaged += 1
