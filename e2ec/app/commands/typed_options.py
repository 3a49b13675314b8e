"""Which settings a command line names: those are not chosen from the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from e2ec.config import AutoSetting, Config

_BROUGHT: tuple[AutoSetting, ...] = ("model.architecture", "data.targets.vertices")
"""What weights to start from bring with them."""


def typed_settings(arguments: Sequence[str]) -> set[str]:
    """The dotted names of the settings that options name: `--data.no-view.x 1`: data.view.x."""
    names = set()
    for word in arguments:
        if word.startswith("--"):
            section, _, name = word[2:].partition("=")[0].replace("-", "_").rpartition(".")
            names.add(f"{section}.{name.removeprefix('no_')}".lstrip("."))
    return names


def keep_typed(config: Config, arguments: Sequence[str]) -> Config:
    """The settings, of which those that were typed are no longer to be chosen.

    With weights to start from, what they bring is left to them unless it was typed.
    """
    typed = typed_settings(arguments)
    if "auto" in typed:
        return config
    names = list(config.auto)
    if config.model.weights is not None and "model.weights" in typed:
        names += [name for name in _BROUGHT if name not in names]
    return replace(config, auto=tuple(name for name in names if not _is_typed(name, typed)))


def _is_typed(name: str, typed: set[str]) -> bool:
    """Whether a setting, or a field of it, is among those typed."""
    if name == "data.augmentation.scale":
        named = (f"{name}_range", f"{name}_reference", "data.augmentation.short_sides")
        return not typed.isdisjoint(named)
    return any(word == name or word.startswith(f"{name}.") for word in typed)
