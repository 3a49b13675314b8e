"""Reading a large JSON document piece by piece.

A label file of COCO's size takes gigabytes as Python objects; taken one annotation at a time, only
its text has to be in memory.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lib.errors import InputError
from lib.files import read_text

_SPACE = re.compile(r"[ \t\n\r]*")


def stream_members(path: str | Path, lists: Mapping[str, Callable[[Any], None]]) -> dict[str, Any]:
    """Read a JSON object whose named members are long lists.

    Args:
        path: the file.
        lists: what to call with every element of these members, in order of the file.

    Returns:
        The other members; for a member of `lists`, the number of its elements, or the value where
        it is no list.

    Raises:
        InputError: the file is missing, not UTF-8, not JSON, nested too deeply, or no object.
    """
    try:
        return _Stream(read_text(path)).members(lists)
    except RecursionError as error:
        raise InputError(f"{path}: not usable JSON (nested too deeply)") from error
    except ValueError as error:
        raise InputError(f"{path}: not valid JSON ({error})") from error


class _Stream:
    def __init__(self, text: str) -> None:
        self.text = text
        self.decoder = json.JSONDecoder()

    def members(self, lists: Mapping[str, Callable[[Any], None]]) -> dict[str, Any]:
        """The members of the object that the text is."""
        found: dict[str, Any] = {}
        place = self._expect("{", self._skip(0))
        while self.text[place : place + 1] != "}":
            key, place = self._value(place)
            if not isinstance(key, str):
                raise ValueError(f"a name must be text: char {place}")
            place = self._skip(self._expect(":", self._skip(place)))
            if key in lists and self.text[place : place + 1] == "[":
                found[key], place = self._elements(place, lists[key])
            else:
                found[key], place = self._value(place)
            place = self._next(place, "}")
        if self._skip(place + 1) != len(self.text):
            raise ValueError(f"Extra data: char {place + 1}")
        return found

    def _elements(self, place: int, use: Callable[[Any], None]) -> tuple[int, int]:
        """Hand on every element of the list at `place`; their number, and the place behind it."""
        count = 0
        place = self._skip(place + 1)
        while self.text[place : place + 1] != "]":
            value, place = self._value(place)
            use(value)
            count += 1
            place = self._next(place, "]")
        return count, place + 1

    def _value(self, place: int) -> tuple[Any, int]:
        return self.decoder.raw_decode(self.text, place)

    def _next(self, place: int, end: str) -> int:
        """The place of the next item, or of the bracket that ends the list."""
        place = self._skip(place)
        if self.text[place : place + 1] == end:
            return place
        place = self._skip(self._expect(",", place))
        if self.text[place : place + 1] == end:
            raise ValueError(f"Expecting value: char {place}")
        return place

    def _expect(self, sign: str, place: int) -> int:
        if self.text[place : place + 1] != sign:
            raise ValueError(f"Expecting '{sign}': char {place}")
        return self._skip(place + 1)

    def _skip(self, place: int) -> int:
        match = _SPACE.match(self.text, place)
        return match.end() if match else place
