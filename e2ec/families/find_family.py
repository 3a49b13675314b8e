"""Which family settings and weights belong to: each names its own by where it is found."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from e2ec.config import Config
from e2ec.families.family import Family
from lib.errors import InputError

_EXTRAS = {"torchvision": "mask"}
"""Packages that not every installation has, and the extra that brings each."""


def find_family(place: str, *, wanted: str = "this model") -> Family[Any, Any]:
    """The family at "module:NAME", as a class of settings names its own.

    Args:
        place: see above.
        wanted: what asks for it, for messages.

    Raises:
        InputError: it stands on a package that is not installed.
    """
    module, _, name = place.partition(":")
    try:
        family = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get(error.name or "")
        if extra is None:
            raise
        raise InputError(
            f'{wanted} needs {error.name}: pip install -e ".[{extra}]", or make {extra} for an '
            "environment of its own"
        ) from error
    assert isinstance(family, Family)
    return family


def family_of(config: Config) -> Family[Any, Any]:
    """The family that settings belong to."""
    return find_family(type(config.model).FAMILY, wanted=config.preset or "this model")


def wrong_family(path: Path, found: str, wanted: str) -> InputError:
    """The error of weights to start from that are of another family."""
    return InputError(
        f"{path}: weights of the family {found!r}, this preset's is {wanted!r}; start from weights "
        "of that family, or give --model.weights None"
    )
