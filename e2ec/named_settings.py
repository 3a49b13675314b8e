"""Settings by their dotted names, as the command line has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

Settings = TypeVar("Settings")


def with_settings(settings: Settings, values: Mapping[str, Any]) -> Settings:
    """A copy of the settings with these values: {"optim.lr": 2e-4, "data.view.zoom": 2.0}.

    Those of a section are set together: they are checked as they will be, not one by one.
    """
    own: dict[str, Any] = {}
    inner: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        section, _, rest = name.partition(".")
        if rest:
            inner.setdefault(section, {})[rest] = value
        else:
            own[section] = value
    for section, its in inner.items():
        own[section] = with_settings(own.get(section, getattr(settings, section)), its)
    return replace(settings, **own)  # type: ignore[type-var]


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """What nested dictionaries hold, by dotted name."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = value
    return found
