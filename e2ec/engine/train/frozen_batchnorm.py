"""Batch normalisation that keeps the statistics it starts with."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def freeze_batchnorm(network: nn.Module) -> None:
    """Make every batch normalisation of a network in training mode use its running statistics.

    They are not updated either; scales and shifts learn as before. `network.train()` undoes it.
    """
    for module in network.modules():
        if isinstance(module, _BatchNorm):
            module.eval()
