"""Putting the tensors of a training state back where they came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from lib.errors import InputError
from lib.memory import is_out_of_memory


def restore(
    state: Mapping[str, Any],
    *,
    name: str,
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    average: nn.Module | None,
    scaler: torch.amp.GradScaler | None,
) -> None:
    """Load weights, moments, moving average and loss scale, in place.

    Args:
        state: checked by `state_check.check_state`.
        name: of its file, for messages.

    Raises:
        InputError: they do not fit.
    """
    try:
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        if average is not None:
            average.load_state_dict(state["average"])
        if scaler is not None and state["scaler"] is not None:
            scaler.load_state_dict(state["scaler"])
    except (KeyError, TypeError, ValueError, RuntimeError, AttributeError) as error:
        if is_out_of_memory(error):
            raise
        raise InputError(
            f"{name}: belongs to other settings than these; resume with the settings in "
            "config.json beside it"
        ) from error
