"""Finding presets: `configs/NAME.py` with a `get_config()` that returns a fresh `Config`."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from dataclasses import replace

from e2ec.config import Config
from lib.errors import InputError
from lib.nearest import nearest


def preset_names() -> list[str]:
    """The names of all presets, sorted."""
    package = importlib.import_module("configs")
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__))


def load_preset(name: str) -> Config:
    """The settings of a preset.

    Raises:
        InputError: there is none of this name; the nearest is suggested.
    """
    names = preset_names()
    if name not in names:
        raise InputError(f"no preset {name!r} in configs/; {nearest(name, names)}")
    config = importlib.import_module(f"configs.{name}").get_config()
    if not isinstance(config, Config):
        raise InputError(f"configs/{name}.py: get_config() must return an e2ec.config.Config")
    return replace(config, preset=name)


def preset_description(name: str) -> str:
    """What a preset says of itself: its data, its command, the published result."""
    text = importlib.import_module(f"configs.{name}").get_config.__doc__ or ""
    return inspect.cleandoc(text)
