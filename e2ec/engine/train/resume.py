"""What stays as it was when a run is continued, and what must not change."""

from __future__ import annotations

import functools
import itertools
import logging
import operator
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from e2ec.config import Config
from e2ec.named_settings import flat, with_settings
from lib.errors import InputError
from lib.files import read_json

logger = logging.getLogger(__name__)

# Where a run lies, how it is watched, and how long it goes on may change.
_FREE = (
    "name", "out", "device", "resume", "resume_or_start", "preset", "eval", "model.weights",
    "model.backbone_weights", "model.backbone.pretrained",
    "data.format", "data.root", "data.train_images", "data.train_annotations", "data.val_images",
    "data.val_annotations", "data.val_limit", "data.synthetic_val", "data.workers", "data.view",
    "train.epochs", "train.eval_every", "train.eval_iou_types", "train.keep", "train.save_every",
    "train.profile", "train.report",
)  # fmt: skip


# What is chosen together with an open setting.
_ALSO = {
    "data.augmentation.scale": (
        "data.augmentation.scale_range",
        "data.augmentation.scale_reference",
    ),
    "model.architecture": ("model.architecture", "model.backbone_weights", "model.backbone"),
}
_PATHS = ("model.weights", "model.backbone_weights")


def fixed_settings(config: Config) -> dict[str, Any]:
    """The settings that a training state belongs to, by dotted name."""
    return {
        name: value
        for name, value in flat(config.to_dict()).items()
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


def check_images(
    saved: Mapping[str, Sequence[str]], now: Mapping[str, Sequence[str]], *, name: str
) -> None:
    """The images of a state and those of the run that continues it must be the same.

    Other validation images change no training: they are told of in one line and used.

    Args:
        saved, now: file names of all images of both splits, in order.
        name: the file of the state.

    Raises:
        InputError: the training images differ; names the first that does.
    """
    if changed := _difference(saved["train"], now["train"]):
        raise InputError(
            f"{name}: made with other training images: {changed}; continue with the data of then, "
            "or start a run of another --name (--model.weights takes the weights of this one)"
        )
    if changed := _difference(saved["val"], now["val"]):
        logger.warning(
            "%s: made with other validation images: %s; metrics before and after are not of the "
            "same images",
            name,
            changed,
        )


def _difference(saved: Sequence[str], now: Sequence[str]) -> str:
    """What has changed, empty if nothing has."""
    if list(saved) == list(now):
        return ""
    counts = f"{len(saved)} then, {len(now)} now"
    before, after = set(saved), set(now)
    if gone := [one for one in saved if one not in after]:
        return f"{counts}, {gone[0]} is gone"
    if new := [one for one in now if one not in before]:
        return f"{counts}, {new[0]} is new"
    pairs = zip(saved, now, strict=False)
    moved = next((one for one, other in pairs if one != other), [*saved, *now][-1])
    return f"{counts}, in another order from {moved} on"


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
        chosen = {}
        for setting in itertools.chain(*(_ALSO.get(name, (name,)) for name in config.auto)):
            value = functools.reduce(operator.getitem, setting.split("."), saved)
            chosen[setting] = _like(operator.attrgetter(setting)(config), value, setting)
        config = with_settings(config, chosen)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: not the settings of a run ({error}); start one of another --name"
        ) from error
    return replace(config, auto=())


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
    if name in _PATHS:
        return None if value is None else Path(value)
    return value
