"""Reading a large JSON document piece by piece.

A label file of COCO's size takes gigabytes as Python objects; taken one element at a time, only the
piece of its text that is being read has to be in memory.
"""

from __future__ import annotations

import gc
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from lib.errors import InputError
from lib.files import reading

_SPACE = re.compile(r"[ \t\n\r]*")
_CHUNK = 1 << 20
# Where a value is cut off, the decoder stops this close to the end (`-Infinity` is the longest
# word), or says that a string has none.
_NEAR_END = 16
_NO_END = "Unterminated string"
# Of a number cut behind `1e+` the decoder takes the 1.
_BEHIND_NUMBER = 2


def stream_members(path: str | Path, lists: Mapping[str, Callable[[Any], None]]) -> dict[str, bool]:
    """Read a JSON object whose named members are long lists.

    Args:
        path: the file.
        lists: what to call with every element of these members, in order of the file.

    Returns:
        The names of all members, each with whether it was one of `lists` and indeed a list.

    Raises:
        InputError: the file is missing, not UTF-8, not JSON, nested too deeply, or no object.
    """
    collecting = gc.isenabled()
    gc.disable()  # nothing here makes cycles; looking for them costs a tenth of the time
    try:
        with _open(path) as file:
            return _Stream(path, file).members(lists)
    finally:
        if collecting:
            gc.enable()


def stream_elements(path: str | Path) -> Iterator[tuple[Any, int]]:
    """The elements of a JSON list one after the other, each with the length of its text.

    Raises:
        InputError: the file is missing, not UTF-8, not JSON, nested too deeply, or no list; as far
            as it has been read.
    """
    with _open(path) as file:
        yield from _Stream(path, file).whole_list()


def _open(path: str | Path) -> TextIO:
    with reading(path):
        return Path(path).open(encoding="utf-8", newline="")


class _Stream:
    """A place in a text of which the part from there on is in memory, as far as it is needed."""

    def __init__(self, path: str | Path, file: TextIO) -> None:
        self.path = path
        self.decoder = json.JSONDecoder()
        self._file = file
        self._text = ""
        self._place = 0
        self._before = 0
        """Characters in front of the text in memory."""
        self._ended = False

    def members(self, lists: Mapping[str, Callable[[Any], None]]) -> dict[str, bool]:
        """Go through the object that the text is."""
        found: dict[str, bool] = {}
        self._take("{")
        while self._next() != "}":
            key, _ = self._value()
            if not isinstance(key, str):
                raise self._invalid("a name must be text")
            self._take(":")
            found[key] = key in lists and self._next() == "["
            if found[key]:
                for value, _ in self._elements():
                    lists[key](value)
            else:
                self._value()
            if self._next() != "}":
                self._take(",")
                if self._next() == "}":
                    raise self._invalid("Expecting a name")
        self._take("}")
        self._finish()
        return found

    def whole_list(self) -> Iterator[tuple[Any, int]]:
        """Go through the list that the text is."""
        if self._next() == "{":
            raise InputError(f"{self.path}: holds an object, not a list; give a list of entries")
        yield from self._elements()
        self._finish()

    def _elements(self) -> Iterator[tuple[Any, int]]:
        """Every element of the list that starts here, with its length."""
        self._take("[")
        if self._next() == "]":
            self._take("]")
            return
        while True:
            yield self._value()
            if self._next() == "]":
                self._take("]")
                return
            self._take(",")

    def _value(self) -> tuple[Any, int]:
        """The value that starts here, and the length of its text."""
        self._next()
        while True:
            try:
                value, end = self.decoder.raw_decode(self._text, self._place)
            except RecursionError as error:
                raise InputError(f"{self.path}: not usable JSON (nested too deeply)") from error
            except json.JSONDecodeError as error:
                cut = error.msg.startswith(_NO_END) or error.pos >= len(self._text) - _NEAR_END
                if cut and self._read_more():
                    continue
                raise self._invalid(error.msg, error.pos) from error
            except ValueError as error:  # a whole number of thousands of digits
                raise self._invalid(str(error)) from error
            # A number that ends near the end of the text may go on.
            if end >= len(self._text) - _BEHIND_NUMBER and self._read_more():
                continue
            length = end - self._place
            self._place = end
            return value, length

    def _finish(self) -> None:
        if self._next():
            raise self._invalid("Extra data")

    def _take(self, sign: str) -> None:
        if self._next() != sign:
            raise self._invalid(f"Expecting '{sign}'")
        self._place += 1

    def _next(self) -> str:
        """The next sign that is no space, not taken; nothing at the end."""
        while True:
            match = _SPACE.match(self._text, self._place)
            self._place = match.end() if match else self._place
            if self._place < len(self._text) or not self._read_more():
                return self._text[self._place : self._place + 1]

    def _read_more(self) -> bool:
        """Read on, as much as is in memory at least; False at the end."""
        if self._ended:
            return False
        rest = self._text[self._place :]
        try:
            more = self._file.read(max(_CHUNK, len(rest)))
        except UnicodeDecodeError as error:
            raise InputError(f"{self.path}: not UTF-8 text") from error
        except OSError as error:
            raise InputError(f"{self.path}: cannot be read ({error.strerror or error})") from error
        if not more:
            self._ended = True
            return False
        self._before += self._place
        self._text, self._place = rest + more, 0
        return True

    def _invalid(self, reason: str, place: int | None = None) -> InputError:
        place = self._place if place is None else place
        return InputError(f"{self.path}: not valid JSON ({reason}: char {self._before + place})")
