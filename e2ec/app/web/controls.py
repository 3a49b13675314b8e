"""What the page may change of a running stream; nothing else of a message is looked at."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from e2ec.app.stream.controls import Controls, Settings

_SHARES = ("score", "fill")
_SWITCHES = ("vertices", "labels", "tracks", "paused")


def as_json(settings: Settings) -> dict[str, Any]:
    """The settings as the page gets them."""
    return asdict(settings)


def obey(text: str, controls: Controls) -> None:
    """Do what a message of the page says: {"set": {NAME: VALUE, ...}} or {"step": true}.

    Raises:
        ValueError: it says anything else, or a value is out of its range.
    """
    try:
        message = json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if message == {"step": True}:
        controls.step()
        return
    if not isinstance(message, dict) or set(message) != {"set"}:
        raise ValueError("a message has one member, set or step")
    changes = message["set"]
    if not isinstance(changes, dict) or not changes:
        raise ValueError("set needs names and values")
    for name, value in changes.items():
        if not _allowed(name, value, controls.stages):
            raise ValueError(f"{name!r:.40} cannot be set to that")
    controls.change(**changes)


def _allowed(name: str, value: Any, stages: tuple[str, ...]) -> bool:
    if name == "stage":
        return value is None or (isinstance(value, str) and value in stages)
    if name in _SHARES:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return number and math.isfinite(value) and 0 <= value <= 1
    return name in _SWITCHES and isinstance(value, bool)
