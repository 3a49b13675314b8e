"""Reading a large JSON document piece by piece.

A label file of COCO's size takes gigabytes as Python objects; taken one annotation at a time, only
its text has to be in memory.
"""

from __future__ import annotations

import gc
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lib.errors import InputError
from lib.files import read_text

_SEPARATOR = re.compile(r"[ \t\n\r]*([,\]])[ \t\n\r]*")
_SPACE = re.compile(r"[ \t\n\r]*")


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
        return _Stream(path, read_text(path)).members(lists)
    finally:
        if collecting:
            gc.enable()


class _Stream:
    def __init__(self, path: str | Path, text: str) -> None:
        self.path = path
        self.text = text
        self.decoder = json.JSONDecoder()

    def members(self, lists: Mapping[str, Callable[[Any], None]]) -> dict[str, bool]:
        """Go through the object that the text is."""
        found: dict[str, bool] = {}
        place = self._expect("{", self._skip(0))
        while self.text[place : place + 1] != "}":
            key, place = self._value(place)
            if not isinstance(key, str):
                raise self._invalid(f"a name must be text: char {place}")
            place = self._skip(self._expect(":", self._skip(place)))
            found[key] = key in lists and self.text[place : place + 1] == "["
            if found[key]:
                place = self._elements(place, lists[key])
            else:
                _, place = self._value(place)
            place = self._skip(place)
            if self.text[place : place + 1] != "}":
                place = self._expect(",", place)
                if self.text[place : place + 1] == "}":
                    raise self._invalid(f"Expecting a name: char {place}")
        if self._skip(place + 1) != len(self.text):
            raise self._invalid(f"Extra data: char {place + 1}")
        return found

    def _elements(self, place: int, use: Callable[[Any], None]) -> int:
        """Hand on every element of the list at `place`; returns the place behind it."""
        place = self._skip(place + 1)
        if self.text[place : place + 1] == "]":
            return place + 1
        while True:
            value, place = self._value(place)
            use(value)
            separator = _SEPARATOR.match(self.text, place)
            if separator is None:
                raise self._invalid(f"Expecting ',' delimiter: char {place}")
            place = separator.end()
            if separator[1] == "]":
                return place

    def _value(self, place: int) -> tuple[Any, int]:
        try:
            return self.decoder.raw_decode(self.text, place)
        except RecursionError as error:
            raise InputError(f"{self.path}: not usable JSON (nested too deeply)") from error
        except ValueError as error:
            raise self._invalid(error) from error

    def _invalid(self, reason: object) -> InputError:
        return InputError(f"{self.path}: not valid JSON ({reason})")

    def _expect(self, sign: str, place: int) -> int:
        if self.text[place : place + 1] != sign:
            raise self._invalid(f"Expecting '{sign}': char {place}")
        return self._skip(place + 1)

    def _skip(self, place: int) -> int:
        match = _SPACE.match(self.text, place)
        return match.end() if match else place
