"""Reading options into a dataclass; a setting with a closed set of values names the nearest."""

from __future__ import annotations

import sys
import types
from collections.abc import Sequence
from typing import (
    Annotated,
    Any,
    Literal,
    NoReturn,
    TypedDict,
    TypeVar,
    Union,
    get_args,
    get_origin,
)

import tyro
from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

from lib.nearest import nearest

Options = TypeVar("Options")
_CHOICES = ConstructorRegistry()


class UsageError(SystemExit):
    """The end of a program that was called in a wrong way; `message` says how."""

    def __init__(self, message: str) -> None:
        super().__init__(2)
        self.message = message


def usage_error(message: object) -> NoReturn:
    """End with one line and status 2."""
    print(f"error: {message}", file=sys.stderr)
    raise UsageError(str(message))


def parse_options(
    kind: type[Options],
    arguments: Sequence[str] | None,
    program: str | None = None,
    *,
    default: Options | None = None,
    description: str | None = None,
) -> Options:
    """The options of a program as an object of a dataclass.

    Exits with status 2 on a usage error or a ValueError of the dataclass, and 0 after
    `--help`.

    Args:
        kind: the dataclass.
        arguments: words behind the program's name; None takes those of this process.
        program: that name; None takes the one of this process.
        default: what the options change; None takes the defaults of the dataclass.
        description: for the help; None takes the docstring of the dataclass.
    """
    parsed: Options = _parse(kind, arguments, program, default, description)[""]
    return parsed


def parse_known_options(
    kind: type[Options], arguments: Sequence[str], program: str
) -> tuple[Options, list[str]]:
    """As `parse_options`; other words, `--help` too, are returned in their order."""
    found, rest = _parse(kind, arguments, program, return_unknown_args=True, add_help=False)
    return found[""], rest


def _parse(
    kind: type[Options],
    arguments: Sequence[str] | None,
    program: str | None,
    default: Options | None = None,
    description: str | None = None,
    **more: Any,
) -> Any:
    # An error of the outermost class would be shown under its name, that of a field is not, and
    # errors inside of the field under its own name too: it has none.
    nameless = Annotated[kind, tyro.conf.arg(name="")]  # type: ignore[valid-type]
    try:
        return tyro.cli(
            TypedDict("Outermost", {"": nameless}),  # type: ignore[operator]
            default={"": tyro.MISSING_NONPROP if default is None else default},
            args=None if arguments is None else list(arguments),
            prog=program,
            description=kind.__doc__ if description is None else description,
            registry=_CHOICES,
            **more,
        )
    except ValueError as error:
        usage_error(error)


@_CHOICES.primitive_rule
def _closed_choices(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Any] | None:
    """How a Literal, a tuple of its values, or None in place of either is read.

    The library's own rule lists the choices of a wrong value in no order and suggests none.
    """
    kind, optional = info.type, False
    if get_origin(kind) in (Union, types.UnionType):
        kinds = [one for one in get_args(kind) if one is not type(None)]
        kind, optional = kinds[0], len(kinds) < len(get_args(kind))
        if len(kinds) > 1:
            return None
    several = get_origin(kind) is tuple and get_args(kind)[1:] == (...,)
    literal = get_args(kind)[0] if several else kind
    if get_origin(literal) is not Literal:
        return None
    values = {str(choice): choice for choice in get_args(literal)}  # of numbers too
    choices = tuple(values)
    listed = ",".join(choices)
    shown = f"[{{{listed}}} ...]" if several else f"{{{listed}}}"
    if optional:
        shown = f"{{None}}|{shown}" if several else f"{{None,{listed}}}"

    def read(words: list[str]) -> Any:
        if optional and words == ["None"]:
            return None
        for word in words:
            if word not in choices:
                raise ValueError(f"{word!r} is unknown; {nearest(word, choices)}")
        found = tuple(values[word] for word in words)
        return found if several else found[0]

    def written(value: Any) -> list[str]:
        return [*map(str, value)] if isinstance(value, tuple) else [str(value)]

    return PrimitiveConstructorSpec(
        nargs="*" if several else 1,
        metavar=shown,
        instance_from_str=read,
        is_instance=lambda value: value is None or set(written(value)) <= set(choices),
        str_from_instance=written,
    )
