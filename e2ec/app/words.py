"""Settings given in Python as the words of a command line, so that both mean the same."""

from __future__ import annotations

import contextlib
import io
import os
import re
import types
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from e2ec.app.commands.options import UsageError, usage_error
from lib.nearest import nearest

Options = TypeVar("Options")
_FRAME = re.compile(r"[─│╭╮╰╯\s]+")


def words(settings: Mapping[str, Any]) -> list[str]:
    """The options that set these values.

    Args:
        settings: by name, dotted or nested: {"data.root": "/data", "train": {"epochs": 3}}. Values
            are text, numbers, paths, True and False, None, and sequences of those.

    Raises:
        ValueError: a value is something else.
    """
    found: list[str] = []
    for name, value in settings.items():
        if isinstance(value, Mapping):
            found += words({f"{name}.{key}": item for key, item in value.items()})
            continue
        section, dot, own = name.replace("_", "-").rpartition(".")
        if isinstance(value, bool):
            found.append(f"--{section}{dot}{'' if value else 'no-'}{own}")
            continue
        several = isinstance(value, (list, tuple))
        for item in value if several else (value,):
            if isinstance(item, bool) or not isinstance(item, (str, int, float, Path, type(None))):
                raise ValueError(
                    f"{name}: cannot be {item!r:.80}; give text, a number, a path, True, False, "
                    "None or a sequence of those, or name its fields"
                )
        found += [f"--{section}{dot}{own}", *map(str, value if several else (value,))]
    return found


def options_of(kind: type[Options], values: Mapping[str, Any]) -> Options:
    """The options of a command from their values by name, checked as the command checks them.

    Ends as a command line does where a name or a choice is wrong: within `usage_errors_raised` that
    is a ValueError.

    Args:
        kind: a dataclass of options.
        values: by the names of its fields; paths may be text, and text may be a path.
    """
    assert is_dataclass(kind)
    hints = get_type_hints(kind)
    names = [field.name for field in fields(kind) if field.init]
    checked = {}
    for name, value in values.items():
        if name not in names:
            usage_error(f"no option {name!r}; {nearest(name, names)}")
        checked[name] = _fitting(name, value, hints[name])
    try:
        return kind(**checked)
    except TypeError as error:  # one without a default is not given
        usage_error(re.sub(r"^\S*\(\) ", "", str(error)))


def _fitting(name: str, value: Any, hint: Any) -> Any:
    kinds = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    if isinstance(value, (str, os.PathLike)):
        if Path in kinds:
            return Path(value)
        if str in kinds:
            return os.fspath(value)
    for kind in kinds:
        if get_origin(kind) is Literal and value is not None and value not in get_args(kind):
            usage_error(f"{name}: {value!r} is unknown; {nearest(str(value), get_args(kind))}")
    return tuple(value) if isinstance(value, list) else value


@contextlib.contextmanager
def late_usage_errors_raised() -> Iterator[None]:
    """The same for a command at work, whose output is left alone.

    Raises:
        ValueError: with the message of `usage_error`.
    """
    try:
        yield
    except UsageError as error:
        raise ValueError(error.message) from error


@contextlib.contextmanager
def usage_errors_raised() -> Iterator[None]:
    """What a command would end with, status 2 and a message, as an exception.

    Raises:
        ValueError: with that message.
    """
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            yield
    except UsageError as error:
        raise ValueError(error.message) from error
    except SystemExit as error:
        message = _FRAME.sub(" ", said.getvalue()).strip().removeprefix("error: ")
        raise ValueError(message or "wrong options") from error
