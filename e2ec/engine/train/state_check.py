"""Whether a training state is one, and fits: asked of all of it before any of it is taken over."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from e2ec.config import Config
from e2ec.engine.train.resume import check_settings
from lib.errors import InputError

_MOST = 2**31
Check = Callable[[Any], str | None]  # what is wrong with a value, if anything


def check_state(
    state: Mapping[str, Any],
    *,
    name: str,
    config: Config,
    class_names: tuple[str, ...],
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    average: nn.Module | None,
    steps_per_epoch: int,
) -> None:
    """Refuse a state with missing, wrong or unfitting parts; entries of other names are left alone.

    Raises:
        InputError: names the file (`name`), the entry and what is wrong with it.
    """
    settings: Check = lambda v: None if _is_dict(v) else "no settings by name"  # noqa: E731
    _refuse(state, name, {"class_names": _names, "settings": settings})
    if tuple(state["class_names"]) != class_names:
        raise InputError(f"{name}: trained on other classes than the data has")
    check_settings(state["settings"], config, name=name)
    _refuse(
        state,
        name,
        {
            "epoch": lambda v: None if _is_count(v) else "no number of epochs",
            "step": lambda v: _step(v, steps_per_epoch),
            "best": lambda v: None if _is_number(v) and not math.isnan(v) else "no number",
            "history": _history,
            "means": _means,
            "network": lambda v: _tensors(v, network),
            "optimizer": lambda v: _optimizer(v, optimizer),
            "average": lambda v: None if average is None else _tensors(v, average),
            "scaler": _scaler,
        },
    )


def _refuse(state: Mapping[str, Any], name: str, checks: Mapping[str, Check]) -> None:
    for key, check in checks.items():
        wrong = check(state[key]) if key in state else "missing"
        if wrong is not None:
            raise InputError(
                f"{name}: the training state is damaged or belongs to other settings: {key}: "
                f"{wrong}; resume with the settings in config.json beside it, or start a run of "
                "another --name"
            )


def _names(value: Any) -> str | None:
    good = isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value)
    return None if good else "no list of names"


def _step(value: Any, steps_per_epoch: int) -> str | None:
    if not _is_count(value):
        return "no number of steps"
    if value > steps_per_epoch:
        return f"step {value} of an epoch that has {steps_per_epoch}"
    return None


def _history(value: Any) -> str | None:
    if not isinstance(value, list):
        return "no list of epochs"
    for entry in value:
        if not _is_dict(entry) or not _is_count(entry.get("epoch")):
            return "an entry without its epoch"
        if not _is_dict(entry.get("losses")) or not all(map(_is_number, entry["losses"].values())):
            return "an entry without its losses"
        if not _is_dict(entry.get("metrics", {})):
            return "an entry whose metrics are none"
        if not _is_plain(entry):
            return "an entry that is no plain data"
    return None


def _means(value: Any) -> str | None:
    if not _is_dict(value) or not _is_count(value.get("count")) or not _is_dict(value.get("sums")):
        return "no running means"
    if not all(map(_is_number, value["sums"].values())):
        return "sums that are no numbers"
    if value["sums"] and value["count"] == 0:
        return "sums of nothing"
    return None


def _tensors(value: Any, module: nn.Module) -> str | None:
    """Whether these are the tensors of a module: their names, shapes and kinds."""
    if not _is_dict(value):
        return "no tensors by name"
    expected = module.state_dict()
    for key in expected:
        if key not in value:
            return f"{key} is missing"
    for key, tensor in value.items():
        if key not in expected:
            return f"{key} is unknown"
        if not _is_like(tensor, expected[key]):
            return f"{key} is no tensor of shape {tuple(expected[key].shape)}"
    return None


def _optimizer(value: Any, optimizer: torch.optim.Optimizer) -> str | None:
    """Whether an optimiser of the same kind over the same parameters wrote this."""
    if not _is_dict(value) or not isinstance(value.get("param_groups"), list):
        return "no groups of parameters"
    own = optimizer.state_dict()["param_groups"]
    groups = value["param_groups"]
    if len(groups) != len(own):
        return f"{len(groups)} groups of parameters, not {len(own)}"
    for group, like in zip(groups, own, strict=True):
        if not _is_dict(group) or group.get("params") != like["params"]:
            return "groups of other parameters"
        for key, option in like.items():
            if not _is_option(key, group.get(key), option):
                return f"its option {key} is missing or of a wrong type"
    return _moments(value.get("state"), optimizer)


def _is_option(key: str, value: Any, own: Any) -> bool:
    if own is None or isinstance(own, bool):
        # Versions of torch differ in the switches, which it fills in.
        return value is None or isinstance(value, bool)
    if key == "lr":  # set at every step
        return _is_finite(value)
    # The settings, which are the same, say what it is.
    return _is_plain(value) and not isinstance(value, bool) and value == own


def _moments(value: Any, optimizer: torch.optim.Optimizer) -> str | None:
    if not isinstance(value, dict):
        return "no moments by parameter"
    # Adam, once it has made a step, keeps all of these of a parameter.
    needed = ("step", "exp_avg", "exp_avg_sq") if "betas" in optimizer.defaults else ()
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for index, moments in value.items():
        if type(index) is not int or not 0 <= index < len(parameters) or not _is_dict(moments):
            return "moments of no parameter"
        for key in needed if moments else ():
            if moments.get(key) is None:
                return f"{key} of parameter {index} is missing"
        for key, moment in moments.items():
            if not _is_moment(key, moment, parameters[index]):
                return f"{key} of parameter {index} does not fit it"
    return None


def _is_moment(key: str, value: Any, parameter: Tensor) -> bool:
    if key == "step":
        number = isinstance(value, Tensor) and _is_dense(value) and value.numel() == 1
        return number or _is_finite(value)
    # SGD without momentum keeps None.
    return value is None or _is_like(value, parameter)


def _scaler(value: Any) -> str | None:
    good = value is None or (_is_dict(value) and all(map(_is_number, value.values())))
    return None if good else "neither none nor numbers by name"


def _is_like(value: Any, like: Tensor) -> bool:
    return (
        isinstance(value, Tensor)
        and _is_dense(value)
        and value.shape == like.shape
        and value.is_floating_point() == like.is_floating_point()
        and not value.is_complex()
    )


def _is_dense(value: Tensor) -> bool:
    return value.layout == torch.strided and not value.is_quantized and value.device.type != "meta"


def _is_dict(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(key, str) for key in value)


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or (type(value) is int and abs(value) < _MOST)


def _is_finite(value: Any) -> bool:
    return _is_number(value) and math.isfinite(value)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < _MOST


def _is_plain(value: Any) -> bool:
    """Whether JSON can hold it, NaN and infinity aside."""
    if isinstance(value, dict):
        return _is_dict(value) and all(map(_is_plain, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (str, bool, float)) or type(value) is int
