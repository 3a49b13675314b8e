"""Settings that a family has no use for are refused, not passed over."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from lib.errors import InputError


def refuse_changed(settings: Any, names: tuple[str, ...], section: str, why: str) -> None:
    """Settings that must be at their defaults.

    Args:
        settings: a dataclass of settings.
        names: of the fields.
        section: what the settings are called, such as data.targets.
        why: what the family does instead.

    Raises:
        InputError: one of them is not.
    """
    defaults = {field.name: field.default for field in fields(settings)}
    for name in names:
        if getattr(settings, name) != defaults[name]:
            raise InputError(f"{section}.{name}: {why}; leave it out")


def refuse_mending(settings: Any, family: str) -> None:
    """The settings `eval` of a family without contours of a stage before, which leaves them alone.

    Raises:
        InputError: `eval.contour_filter` or `eval.contour_smoothing` is asked for.
    """
    why = f"mends the contours of E2EC, and these weights are of the family {family}"
    refuse_changed(settings, ("contour_filter", "contour_smoothing"), "eval", why)
