"""Changing single fields of a model card by name, whatever fields it has."""

from __future__ import annotations

import json
import math
import types
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields, is_dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from e2ec.families.model_card import ModelCard
from e2ec.named_settings import flat
from lib.errors import InputError
from lib.nearest import nearest


def edit_card(card: ModelCard, changes: Sequence[str]) -> ModelCard:
    """A card with some fields changed.

    Args:
        card: the card; it stays as it is.
        changes: each NAME=VALUE, checked together: "view.zoom=2", "stage=coarse",
            "view.size=512,768", "view.size=none", "class_names.0=cell". Lists are divided by
            commas, or JSON.

    Raises:
        InputError: there is no such field (the nearest is suggested), a value is not of its type,
            or the card would not be valid.
    """
    values: dict[str, Any] = asdict(card)
    for change in changes:
        name, equals, text = change.partition("=")
        if not equals or not name:
            raise InputError(f"--set {change}: write it as NAME=VALUE, e.g. view.zoom=2")
        try:
            values = _with(values, type(card), name.split("."), text)
        except ValueError as error:
            raise InputError(f"--set {change}: {error}") from error
    try:
        # Checked as it will be when the file is read.
        return type(card).from_json(values, name="the new description")
    except InputError as error:
        raise InputError(f"--set {' '.join(changes)}: {error.__cause__ or error}") from error


def flat_card(card: ModelCard) -> dict[str, Any]:
    """All fields but the settings by the names that `edit_card` takes: {"view.zoom": 2.0, ...}."""
    return flat({name: value for name, value in asdict(card).items() if name != "settings"})


def _with(value: Any, hint: Any, path: Sequence[str], text: str) -> Any:
    """`value`, of type `hint`, with what `path` leads to replaced by what `text` says."""
    if not path:
        return _parsed(text, hint)
    head, *rest = path
    if is_dataclass(hint):
        hints = get_type_hints(hint)
        head = _nearest(head.replace("-", "_"), [field.name for field in fields(hint)])
        return {**value, head: _with(value[head], hints[head], rest, text)}
    if isinstance(value, dict):
        head = _nearest(head, list(value))
        return {**value, head: _with(value[head], Any, rest, text)}
    if isinstance(value, (list, tuple)):
        if not head.isdecimal() or int(head) >= len(value):
            raise ValueError(f"{head!r} is no position in a list of {len(value)}, counted from 0")
        index = int(head)
        items = list(value)
        items[index] = _with(items[index], _element(hint, index), rest, text)
        return items
    raise ValueError(f"{head!r}: {value!r} is one value, which has no fields")


def _parsed(text: str, hint: Any) -> Any:
    """The value that `text` stands for where a `hint` is expected."""
    origin, choices = get_origin(hint), get_args(hint)
    if origin is Literal:
        return _nearest(text, [str(choice) for choice in choices])
    if origin in (Union, types.UnionType):
        if type(None) in choices and text.lower() in ("none", "null"):
            return None
        return _parsed(text, next(choice for choice in choices if choice is not type(None)))
    if origin is tuple:
        return _parsed_list(text, hint)
    if hint is Any:
        return _json_or_text(text)
    if is_dataclass(hint) or origin is dict:
        raise ValueError("has fields of its own; name one of them, as in view.zoom=2")
    if hint is bool:
        return _nearest(text.lower(), ["true", "false"]) == "true"
    if hint is str:
        return text
    return _number(text, hint)


def _number(text: str, hint: type) -> int | float:
    try:
        value = hint(text)
    except ValueError as error:
        kind = "a whole number" if hint is int else "a number"
        raise ValueError(f"{text!r} is not {kind}") from error
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is not finite")
    return value


def _parsed_list(text: str, hint: Any) -> list[Any]:
    items = _json_or_text(text) if text.lstrip().startswith("[") else text.split(",")
    if not isinstance(items, list):
        raise ValueError(f"{text!r} is not a list; divide its items by commas")
    expected = get_args(hint)
    if expected[-1] is not Ellipsis and len(items) != len(expected):
        raise ValueError(f"needs {len(expected)} values, not {len(items)}")
    return [_parsed(str(item).strip(), _element(hint, i)) for i, item in enumerate(items)]


def _element(hint: Any, index: int) -> Any:
    """Type of an item of a tuple."""
    arguments = get_args(hint)
    if not arguments:
        return Any
    return arguments[0] if arguments[-1] is Ellipsis else arguments[index]


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _nearest(name: str, names: Iterable[str]) -> str:
    """`name` if it is one of the names."""
    names = list(names)
    if name in names:
        return name
    raise ValueError(f"{name!r} is unknown; {nearest(name, names)}")
