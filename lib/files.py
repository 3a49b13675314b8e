"""Reading JSON and writing files so that a failure never damages what was there before."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from lib.errors import InputError

# Temporary files are called .NAME.XXXXXXXX.e2ec, with eight letters, digits or underscores.
_TEMPORARY = ".e2ec"
_BLOCK = 1 << 20
_LEFT_BEHIND = re.compile(r"\..+\.[a-z0-9_]{8}\.e2ec")


def atomic_write_bytes(path: str | Path, data: bytes) -> None:
    """Write `data` to `path` completely or not at all; see `atomic_write_chunks`."""
    atomic_write_chunks(path, (data,))


def atomic_write_chunks(path: str | Path, chunks: Iterable[bytes]) -> None:
    """Write what `chunks` give, one after the other, to `path` completely or not at all.

    The bytes go to a temporary file in the same folder, reach the disk, and replace `path` in one
    step; when anything fails the temporary file is removed and the previous `path` stays as it was.

    Raises:
        InputError: the folder cannot be written, or the disk is full.
    """
    path = Path(path)
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.name}.", suffix=_TEMPORARY
        )
        with os.fdopen(handle, "wb") as file:
            for data in chunks:
                file.write(data)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files private to the user; results are meant to be read by others.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        reason = error.strerror or str(error)
        raise InputError(
            f"{path}: cannot be written ({reason}); choose a writable folder with free space"
        ) from error


def remove_temporaries(*folders: Path) -> None:
    """Remove what `atomic_write_bytes` leaves in these folders where its process is killed.

    Only while nobody else writes there: a file under way would go too. Their own folders alone are
    looked at, nothing but files made by `atomic_write_bytes` is removed, and what cannot be removed
    stays.
    """
    for folder in folders:
        with contextlib.suppress(OSError):
            for path in folder.iterdir():
                ours = _LEFT_BEHIND.fullmatch(path.name) is not None
                if ours and path.is_file() and not path.is_symlink():
                    path.unlink(missing_ok=True)


def atomic_write_text(path: str | Path, text: str) -> None:
    """`atomic_write_bytes` for text, encoded as UTF-8; what that cannot hold is written escaped."""
    atomic_write_bytes(path, text.encode("utf-8", "backslashreplace"))


def atomic_write_json(path: str | Path, value: Any, *, indent: int | None = None) -> None:
    """`atomic_write_bytes` for a JSON document; NaN and infinity are refused (ValueError)."""
    atomic_write_text(path, json.dumps(value, indent=indent, allow_nan=False) + "\n")


def file_digest(path: str | Path) -> str:
    """A fingerprint (SHA-256, hexadecimal) of a file's content.

    Raises:
        InputError: it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with Path(path).open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror or error}); check the path"
        ) from error
    return digest.hexdigest()


@contextlib.contextmanager
def reading(path: str | Path) -> Iterator[None]:
    """A region that opens or reads a file.

    Raises:
        InputError: the file is missing, a folder, or cannot be read.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise InputError(f"{path}: not found; check the path") from error
    except IsADirectoryError as error:
        raise InputError(f"{path}: is a folder where a file is expected; give the file") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error


def read_text(path: str | Path) -> str:
    """The UTF-8 text in `path`.

    Raises:
        InputError: the file is missing, unreadable, or not UTF-8.
    """
    try:
        with reading(path):
            return Path(path).read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text") from error


def read_json(path: str | Path) -> Any:
    """The JSON document in `path`.

    Raises:
        InputError: the file is missing, unreadable, not UTF-8, not JSON, or nested too deeply.
    """
    text = read_text(path)
    if not text.strip():
        raise InputError(f"{path}: is empty where JSON is expected; replace it by a complete copy")
    try:
        return json.loads(text)
    except RecursionError as error:
        raise InputError(f"{path}: not usable JSON (nested too deeply)") from error
    except ValueError as error:
        raise InputError(f"{path}: not valid JSON ({error})") from error
