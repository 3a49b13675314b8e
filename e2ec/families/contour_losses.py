"""Losses that only networks of contours have."""

from __future__ import annotations

from e2ec.config import Config
from e2ec.families.unused_settings import refuse_changed

CONTOUR_LOSSES = (
    "steps_weight",
    "distillation_weight",
    "last_stage",
    "matching_distance",
    "matching_directions",
    "matching_average",
    "matching_stages",
)
"""The settings of losses that teach vertices."""


def refuse_contour_losses(config: Config) -> None:
    """For families whose networks learn no contours.

    Raises:
        InputError: a setting of these losses has been changed; names it.
    """
    why = f"teaches contours, and {config.model.architecture} learns none"
    refuse_changed(config.loss, CONTOUR_LOSSES, "loss", why)
