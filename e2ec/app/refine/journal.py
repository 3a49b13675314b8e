"""Results on the way: whole lines in a folder beside the file that they become.

OUT.part/ holds `results.json`, the beginning of OUT itself, and `inputs.json`, which says what it
was made of. A process that is killed at any moment leaves both whole.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from e2ec.app.stream.outputs.line_file import LineFile
from lib.errors import InputError
from lib.files import atomic_write_json, read_json, remove_temporaries
from lib.folder_lock import FolderLock

_INPUTS, _RESULTS = "inputs.json", "results.json"
_BLOCK = 1 << 20


class Journal:
    """A JSON list that is written an element a line, and gone on with after a stop.

    Attributes:
        done: so many elements are written.
        total: so many there will be; None where that has not been said yet.
    """

    def __init__(self, out: Path, inputs: Mapping[str, str]) -> None:
        """
        Args:
            out: the file to write.
            inputs: what it depends on, by its name: text that changes when that does.
        """
        self.folder = out.with_name(f"{out.name}.part")
        self.done = 0
        self.total: int | None = None
        self._out = out
        self._inputs = dict(inputs)
        self._lock = FolderLock(self.folder, remedy="wait for it, or choose another --out")
        self._lines: LineFile | None = None

    def __enter__(self) -> Journal:
        """
        Raises:
            InputError: another process writes here, what is there was made of other inputs, or the
                folder cannot be written.
        """
        if self._out.is_dir():
            raise InputError(f"{self._out}: is a folder where a file is to be written")
        self._lock.__enter__()
        try:
            remove_temporaries(self.folder)
            self._look()
        except BaseException:
            self._lock.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        if self._lines is not None:
            self._lines.close()
        self._lock.__exit__()
        with contextlib.suppress(OSError):
            self.folder.rmdir()  # only if nothing is in it

    def begin(self, total: int) -> None:
        """Say of a new list how many elements there will be."""
        self.total = total
        atomic_write_json(self.folder / _INPUTS, {"inputs": self._inputs, "total": total})
        self._lines = LineFile(self.folder / _RESULTS)

    def write(self, elements: Sequence[str]) -> None:
        """Append elements, each the JSON of one, without line breaks.

        Raises:
            InputError: they cannot be written; those before them are.
        """
        assert self._lines is not None
        numbered = enumerate(elements, start=self.done)
        self._lines.write("".join(f"{',' if n else '['}{text}\n" for n, text in numbered))
        self.done += len(elements)

    def finish(self) -> None:
        """Put the whole list in its place.

        Raises:
            InputError: it cannot be written.
        """
        assert self._lines is not None and self.done == self.total
        self._lines.write("]\n" if self.done else "[]\n")
        self._lines.to_disk()
        self._lines.close()
        try:
            os.replace(self.folder / _RESULTS, self._out)
            (self.folder / _INPUTS).unlink()
        except OSError as error:
            raise InputError(
                f"{self._out}: cannot be written ({error.strerror or error}); choose another --out"
            ) from error

    def _look(self) -> None:
        """Find out what is there."""
        inputs, results = self.folder / _INPUTS, self.folder / _RESULTS
        if not (inputs.is_file() and results.is_file()):
            return
        begun = read_json(inputs)
        before = begun.get("inputs") if isinstance(begun, dict) else None
        if not isinstance(before, dict) or type(begun.get("total")) is not int:
            raise InputError(f"{inputs}: is damaged; remove {self.folder} to start anew")
        changed = [name for name, text in self._inputs.items() if before.get(name) != text]
        if changed:
            raise InputError(
                f"{self.folder}: was begun with other {' and '.join(changed)}; give the same to go "
                "on, remove that folder to start anew, or choose another --out"
            )
        self.total = begun["total"]
        self.done, size = _whole_lines(results, self.total)
        self._lines = LineFile(results, keep=size)


def _whole_lines(path: Path, most: int) -> tuple[int, int]:
    """The number of whole lines, `most` at most, and their size in bytes."""
    count = size = place = 0
    with path.open("rb") as file:
        while count < most and (block := file.read(_BLOCK)):
            ends = (np.flatnonzero(np.frombuffer(block, np.uint8) == 10) + 1)[: most - count]
            if len(ends):
                count, size = count + len(ends), place + int(ends[-1])
            place += len(block)
    return count, size
