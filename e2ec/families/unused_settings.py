"""Settings of the data that a family has no use for are refused, not passed over."""

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
