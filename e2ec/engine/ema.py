"""The rule of the exponential moving average of weights; the averaging itself is torch's."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def moving_average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """An `avg_fn` for `torch.optim.swa_utils.AveragedModel`.

    The decay warms up as (1 + n) / (10 + n) after n updates, so that the random start does not
    stay in the average for 1 / (1 - decay) steps.
    """

    def average(averaged: Tensor, current: Tensor, count: Tensor | int) -> Tensor:
        if not averaged.is_floating_point():
            return current
        warm = (1 + torch.as_tensor(count)) / (10 + torch.as_tensor(count))
        weight = 1 - warm.clamp(max=decay)
        return averaged + (current - averaged) * weight.to(averaged)

    return average
