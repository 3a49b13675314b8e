"""What cards say of how jagged contours are mended: from the settings, and from a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from e2ec.config import Config, MendingSettings


def mending_fields(config: Config) -> dict[str, Any]:
    """What a card takes from the settings."""
    return {
        "contour_filter": config.eval.contour_filter,
        "contour_smoothing": config.eval.contour_smoothing,
        "contour_mending": config.eval.contour_mending,
    }


def mending(value: Mapping[str, Any]) -> MendingSettings:
    """The settings, read as JSON; what is not named has its default.

    Raises:
        TypeError, ValueError: a name is unknown, or a value is not what it should be.
    """
    values = asdict(MendingSettings()) | dict(value)
    return MendingSettings(
        reversal_factor=float(values.pop("reversal_factor")),
        least_reversals=int(values.pop("least_reversals")),
        smoothing_steps=int(values.pop("smoothing_steps")),
        corner_angle=float(values.pop("corner_angle")),
        **values,
    )
