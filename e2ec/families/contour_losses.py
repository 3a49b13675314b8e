"""Losses that only networks of contours have."""

from __future__ import annotations

from e2ec.config import Config
from lib.errors import InputError


def refuse_contour_losses(config: Config) -> None:
    """For families whose networks learn no contours.

    Raises:
        InputError: a loss of contours has a weight; names it.
    """
    for name in ("steps_weight", "distillation_weight"):
        if getattr(config.loss, name) > 0:
            raise InputError(
                f"loss.{name} teaches contours, and {config.model.architecture} learns none; leave "
                "it out"
            )
