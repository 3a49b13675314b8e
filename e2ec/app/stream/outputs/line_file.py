"""A file of lines that is whole at every moment."""

from __future__ import annotations

import os
from pathlib import Path

from lib.errors import InputError


class LineFile:
    """Every line reaches the system in one piece as soon as it is written.

    A process that is killed leaves whole lines. On a disk that fills up the last, torn one is taken
    back.
    """

    def __init__(self, path: Path, *, keep: int = 0) -> None:
        """Start an empty file, or go on with one behind its first `keep` bytes.

        Raises:
            InputError: it cannot be made.
        """
        self.path = path
        try:
            self._file = path.open("r+b" if keep else "wb", buffering=0)
            self._file.truncate(keep)
            self._file.seek(keep)
        except OSError as error:
            raise self._error(error) from error

    def write(self, line: str) -> None:
        """Append a line, or several, each with its newline.

        Raises:
            InputError: it cannot be written.
        """
        data = line.encode("utf-8")
        whole = self._file.tell()
        try:
            written = self._file.write(data)
            while written < len(data):
                written += self._file.write(data[written:])
        except OSError as error:
            os.ftruncate(self._file.fileno(), whole)
            raise self._error(error) from error

    def to_disk(self) -> None:
        """Wait until what has been written is on the disk.

        Raises:
            InputError: it cannot be written.
        """
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._error(error) from error

    def close(self) -> None:
        self._file.close()

    def _error(self, error: OSError) -> InputError:
        return InputError(f"{self.path}: cannot be written ({error.strerror or error})")
