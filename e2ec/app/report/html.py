"""HTML by nested calls: whatever is not markup already is escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

_EMPTY = ("br", "img", "meta")
_LONGEST_HEAD = 11  # characters


class Markup(str):
    """Text that is HTML already; made by this package alone, never from what comes from outside."""

    __slots__ = ()


def tag(name: str, /, *children: object, **attributes: object) -> Markup:
    """An element.

    Args:
        name: of the element.
        children: markup stays, lists are joined, None is nothing, and all else is escaped text.
        attributes: by name; `class_` is class, other underscores are hyphens. None leaves one out.
    """
    words = [name]
    for key, value in attributes.items():
        if value is not None:
            key = key.rstrip("_").replace("_", "-")
            words.append(f'{key}="{html.escape(str(value), quote=True)}"')
    start = f"<{' '.join(words)}>"
    return Markup(start if name in _EMPTY else f"{start}{join(*children)}</{name}>")


def join(*children: object) -> Markup:
    """Children of `tag` without an element around them."""
    return Markup("".join(_piece(child) for child in children))


def _piece(child: object) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    if isinstance(child, (list, tuple)):
        return join(*child)
    return html.escape(_visible(str(child)))


def _visible(text: str) -> str:
    """Text as UTF-8 can hold it; what turns the direction of writing shows as a mark."""
    turning = {ord(c): "\N{REPLACEMENT CHARACTER}" for c in "\u202a\u202b\u202d\u202e\u2066\u2067"}
    return text.encode("utf-8", "backslashreplace").decode("utf-8").translate(turning)


def table(head: Sequence[object], rows: Iterable[Sequence[object]], *, caption: str = "") -> Markup:
    """A table: the first cell of every row names it, the others are numbers."""
    body = [
        tag("tr", tag("th", row[0], scope="row"), [tag("td", cell) for cell in row[1:]])
        for row in rows
    ]
    return tag(
        "table",
        tag("caption", caption) if caption else None,
        tag("thead", tag("tr", [_head(cell) for cell in head])),
        tag("tbody", body),
    )


def _head(cell: object) -> Markup:
    """Our own words stay whole; names from outside may be of any length."""
    long = len(str(cell)) > _LONGEST_HEAD
    return tag("th", cell, scope="col", class_="long" if long else None)


def folded(title: str, *children: object) -> Markup:
    """What is shown when asked for."""
    return tag("details", tag("summary", title), *children)


def settings_table(head: Sequence[object], rows: Iterable[Sequence[object]]) -> Markup:
    """A table of settings, by name: their values are words as well as numbers and lists."""
    shown = [[row[0], *map(_setting, row[1:])] for row in rows]
    return tag("div", table(head, shown), class_="words")


def _setting(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def section(title: str, explanation: str, *children: object) -> Markup:
    """A part of the page with what a reader must know to read it."""
    note = tag("p", explanation, class_="note") if explanation else None
    return tag("section", tag("h2", title), note, *children)


def cards(*children: object) -> Markup:
    """Figures side by side where there is room, else below each other."""
    return tag("div", *children, class_="cards")
