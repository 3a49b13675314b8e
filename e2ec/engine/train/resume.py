"""What must not change when a run is continued."""

from __future__ import annotations

from typing import Any

from e2ec.config import Config
from lib.errors import InputError

# Where a run lies, how it is watched, and how long it goes on may change.
_FREE = (
    "name", "out", "device", "resume", "resume_or_start", "preset", "eval", "model.weights",
    "data.format", "data.root", "data.train_images", "data.train_annotations", "data.val_images",
    "data.val_annotations", "data.val_limit", "data.synthetic_val", "data.workers", "data.view",
    "train.epochs", "train.eval_every", "train.eval_iou_types", "train.save_every", "train.profile",
)  # fmt: skip


def fixed_settings(config: Config) -> dict[str, Any]:
    """The settings that a training state belongs to, by dotted name."""
    flat = _flatten(config.to_dict())
    return {
        name: value
        for name, value in flat.items()
        if not any(name == free or name.startswith(f"{free}.") for free in _FREE)
    }


def check_settings(saved: dict[str, Any], config: Config, *, name: str) -> None:
    """The settings of a state and those of the run that continues it must be the same.

    A setting that the state does not know is newer than it: the state was made with what is now
    its default.

    Raises:
        InputError: they differ; names the settings, `name` is the file.
    """
    now = fixed_settings(config)
    defaults = Config(name="defaults", model=type(config.model)())
    saved = fixed_settings(defaults) | saved
    changed = [key for key in now if saved[key] != now[key]]
    if changed:
        first = changed[0]
        raise InputError(
            f"{name}: made with other settings: {', '.join(changed)}; continue with "
            f"{_option(first, saved[first])}, not {now[first]}, or start a run of another --name"
        )


def _option(name: str, value: Any) -> str:
    """A setting as it is typed: truth values are switches, the items of a list words."""
    section, dot, own = name.replace("_", "-").rpartition(".")
    if isinstance(value, bool):
        return f"--{section}{dot}{'' if value else 'no-'}{own}"
    words = map(str, value) if isinstance(value, (list, tuple)) else [str(value)]
    return " ".join([f"--{section}{dot}{own}", *words])


def _flatten(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, dict):
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
