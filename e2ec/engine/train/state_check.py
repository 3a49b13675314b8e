"""Whether a training state is one, and fits: asked of all of it before any of it is taken over."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, get_args

import torch
from torch import Tensor, nn

from e2ec.config import Config
from e2ec.engine.train.kept import Keep
from e2ec.engine.train.resume import check_settings
from lib.errors import InputError

_MOST = 2**31
Check = Callable[[Any], None]  # raises ValueError: what is wrong with a value


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
    first: dict[str, Check] = {
        "class_names": _check_names,
        "settings": lambda v: _expect(_is_dict(v), "no settings by name"),
    }
    _refuse(state, name, first)
    if tuple(state["class_names"]) != class_names:
        raise InputError(f"{name}: trained on other classes than the data has")
    check_settings(state["settings"], config, name=name)
    rest: dict[str, Check] = {
        "epoch": lambda v: _expect(_is_count(v), "no number of epochs"),
        "step": lambda v: _check_step(v, steps_per_epoch),
        "best": lambda v: _expect(_is_number(v) and not math.isnan(v), "no number"),
        "history": _check_history,
        "means": _check_means,
        "network": lambda v: _check_tensors(v, network),
        "optimizer": lambda v: _check_optimizer(v, optimizer),
        "average": lambda v: None if average is None else _check_tensors(v, average),
        "scaler": _check_scaler,
    }
    later: dict[str, Check] = {"norms": _check_means, "kept": _check_kept}
    # Older states have none.
    rest |= {key: check for key, check in later.items() if key in state}
    _refuse(state, name, rest)


def _refuse(state: Mapping[str, Any], name: str, checks: Mapping[str, Check]) -> None:
    for key, check in checks.items():
        try:
            _expect(key in state, "missing")
            check(state[key])
        except ValueError as error:
            raise InputError(
                f"{name}: the training state is damaged or belongs to other settings: {key}: "
                f"{error}; resume with the settings in config.json beside it, or start a run of "
                "another --name"
            ) from error


def _expect(condition: bool, wrong: str) -> None:
    if not condition:
        raise ValueError(wrong)


def _check_names(value: Any) -> None:
    good = isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value)
    _expect(good, "no list of names")


def _check_step(value: Any, steps_per_epoch: int) -> None:
    _expect(_is_count(value), "no number of steps")
    _expect(value <= steps_per_epoch, f"step {value} of an epoch that has {steps_per_epoch}")


def _check_history(value: Any) -> None:
    _expect(isinstance(value, list), "no list of epochs")
    for entry in value:
        _expect(_is_dict(entry) and _is_count(entry.get("epoch")), "an entry without its epoch")
        _expect(_are_numbers(entry.get("losses")), "an entry without its losses")
        _expect(_is_dict(entry.get("metrics", {})), "an entry whose metrics are none")
        _expect(_is_plain(entry), "an entry that is no plain data")


def _check_kept(value: Any) -> None:
    if value is not None:
        _expect(_is_dict(value) and _is_count(value.get("epoch")), "no epoch")
        _expect(value.get("which") in get_args(Keep) and _is_plain(value), "no plain data")


def _check_means(value: Any) -> None:
    _expect(_is_dict(value) and _is_count(value.get("count")), "no running means")
    sums = value.get("sums")
    _expect(_are_numbers(sums), "sums that are no numbers")
    _expect(value["count"] > 0 or not sums, "sums of nothing")


def _check_tensors(value: Any, module: nn.Module) -> None:
    """Whether these are the tensors of a module: their names, shapes and kinds."""
    _expect(_is_dict(value), "no tensors by name")
    expected = module.state_dict()
    for key in expected:
        _expect(key in value, f"{key} is missing")
    for key, tensor in value.items():
        _expect(key in expected, f"{key} is unknown")
        shape = tuple(expected[key].shape)
        _expect(_is_like(tensor, expected[key]), f"{key} is no tensor of shape {shape}")


def _check_optimizer(value: Any, optimizer: torch.optim.Optimizer) -> None:
    """Whether an optimiser of the same kind over the same parameters wrote this."""
    good = _is_dict(value) and isinstance(value.get("param_groups"), list)
    _expect(good, "no groups of parameters")
    own = optimizer.state_dict()["param_groups"]
    groups = value["param_groups"]
    _expect(len(groups) == len(own), f"{len(groups)} groups of parameters, not {len(own)}")
    for group, like in zip(groups, own, strict=True):
        same = _is_dict(group) and group.get("params") == like["params"]
        _expect(same, "groups of other parameters")
        for key, option in like.items():
            good = _is_option(key, group.get(key), option)
            _expect(good, f"its option {key} is missing or of a wrong type")
    _check_moments(value.get("state"), optimizer)


def _is_option(key: str, value: Any, own: Any) -> bool:
    if own is None or isinstance(own, bool):
        # Versions of torch differ in the switches, which it fills in.
        return value is None or isinstance(value, bool)
    if key == "lr":  # set at every step
        return _is_finite(value)
    # The settings, which are the same, say what it is.
    return _is_plain(value) and not isinstance(value, bool) and bool(value == own)


def _check_moments(value: Any, optimizer: torch.optim.Optimizer) -> None:
    _expect(isinstance(value, dict), "no moments by parameter")
    # Adam, once it has made a step, keeps all of these of a parameter.
    needed = ("step", "exp_avg", "exp_avg_sq") if "betas" in optimizer.defaults else ()
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for index, moments in value.items():
        known = type(index) is int and 0 <= index < len(parameters) and _is_dict(moments)
        _expect(known, "moments of no parameter")
        for key in needed if moments else ():
            _expect(moments.get(key) is not None, f"{key} of parameter {index} is missing")
        for key, moment in moments.items():
            fits = _is_moment(key, moment, parameters[index])
            _expect(fits, f"{key} of parameter {index} does not fit it")


def _is_moment(key: str, value: Any, parameter: Tensor) -> bool:
    if key == "step":
        number = isinstance(value, Tensor) and _is_dense(value) and value.numel() == 1
        return number or _is_finite(value)
    # SGD without momentum keeps None.
    return value is None or _is_like(value, parameter)


def _check_scaler(value: Any) -> None:
    _expect(value is None or _are_numbers(value), "neither none nor numbers by name")


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


def _are_numbers(value: Any) -> bool:
    return _is_dict(value) and all(map(_is_number, value.values()))


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
