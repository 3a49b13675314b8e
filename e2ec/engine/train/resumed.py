"""What a run chose when it started is kept when it is continued."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from e2ec.config import Config
from lib.errors import InputError
from lib.files import read_json

_ALSO = {
    "data.augmentation.scale": (
        "data.augmentation.scale_range",
        "data.augmentation.scale_reference",
    )
}


def keep_choices(config: Config, path: Path) -> Config:
    """The settings of a continued run: what is open comes from the run's own config.json.

    So images or objects that have been corrected since, or more epochs, choose nothing anew.

    Args:
        config: as given, with open settings.
        path: config.json of the run; where it is missing, nothing is taken.

    Raises:
        InputError: the file is unusable.
    """
    if not config.auto or not path.exists():
        return config
    saved = read_json(path)
    try:
        for name in config.auto:
            for setting in _ALSO.get(name, (name,)):
                value = saved
                for key in setting.split("."):
                    value = value[key]
                config = _put(config, setting.split("."), value)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: not the settings of a run ({error}); start one of another --name"
        ) from error
    return replace(config, auto=())


def _put(settings: Any, path: list[str], value: Any) -> Any:
    """A dataclass with the JSON value at a path of fields."""
    name, *rest = path
    own = getattr(settings, name)
    return replace(settings, **{name: _put(own, rest, value) if rest else _like(own, value, name)})


def _like(own: Any, value: Any, name: str) -> Any:
    """A JSON value in the type of the setting it is for."""
    if is_dataclass(own) and isinstance(value, Mapping):
        known = {field.name for field in fields(own)}
        return replace(
            own,
            **{k: _like(None, v, k) for k, v in value.items() if k in known},  # type: ignore[type-var]
        )
    if isinstance(value, list):
        return tuple(value)
    if name == "weights":
        return None if value is None else Path(value)
    return value
