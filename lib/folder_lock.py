"""A lock on a folder that goes with the process that holds it, however it ends."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
import time
from pathlib import Path

from lib.errors import InputError

NAME = ".lock"
_TAKEN = (errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK, errno.EDEADLK)
# On Windows what is locked cannot be read: a byte far behind the text is.
_FAR = 1 << 30
_LONGEST = 200
_held: set[int] = set()


class FolderLock:
    """Held from `__enter__` to `__exit__`, or to the end of the process.

    The system lets go of it when the process ends, also by SIGKILL. On file systems that know no
    locks nothing is held and nothing is said.

    Attributes:
        held: whether the lock is really held.
    """

    def __init__(self, folder: str | Path, *, remedy: str) -> None:
        """
        Args:
            folder: is made where it is missing, with those above it; what has been made and holds
                nothing afterwards is removed again.
            remedy: what to do where somebody else holds it.
        """
        self.folder = Path(folder)
        self.remedy = remedy
        self.held = False
        self._file: int | None = None
        self._made: list[Path] = []

    def __enter__(self) -> FolderLock:
        """
        Raises:
            InputError: another process holds it, or the folder cannot be written.
        """
        path = self.folder / NAME
        self._made = [p for p in (self.folder, *self.folder.parents) if not p.exists()]
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            while not self._open(path):
                pass
        except OSError as error:
            self._close()
            raise InputError(
                f"{self.folder}: cannot be written ({error.strerror or error}); choose a "
                "writable folder with free space"
            ) from error
        return self

    def __exit__(self, *exception: object) -> None:
        opened = self._file is not None
        # Removed while it is held, so that whoever opens it at this moment notices; Windows
        # removes no open file, and none that somebody else holds.
        if os.name == "nt":
            self._close()
        with contextlib.suppress(OSError):
            if opened:
                (self.folder / NAME).unlink()
            for folder in self._made:
                folder.rmdir()  # only if nothing is in it
        self._close()

    def _open(self, path: Path) -> bool:
        """Open and lock the file; False where it was removed meanwhile."""
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        _held.add(self._file)
        try:
            _lock(self._file)
        except OSError as error:
            if error.errno not in _TAKEN:
                return True  # a file system without locks
            holder = _holder(self._file)
            self._close()
            raise InputError(
                f"{self.folder}: in use by another process ({holder}); {self.remedy}"
            ) from error
        try:
            same = os.path.samestat(os.fstat(self._file), os.stat(path))
        except FileNotFoundError:
            same = False
        if not same:
            self._close()
            return False
        self.held = True
        os.ftruncate(self._file, 0)
        started = time.strftime("%Y-%m-%d %H:%M:%S")
        text = f"process {os.getpid()} on {socket.gethostname()}, since {started}\n"
        os.write(self._file, text.encode("utf-8", "replace"))
        return True

    def _close(self) -> None:
        self.held = False
        if self._file is not None:
            _held.discard(self._file)
            with contextlib.suppress(OSError):
                os.close(self._file)
            self._file = None


def _holder(file: int) -> str:
    """What the holder wrote: its process and machine; whatever stands there, as one line."""
    try:
        os.lseek(file, 0, os.SEEK_SET)
        text = os.read(file, _LONGEST).decode("utf-8", "replace")
    except OSError:
        text = ""
    words = "".join(c if c.isprintable() else " " for c in text).split()
    return " ".join(words) or "of unknown number"


def _lock(file: int) -> None:
    """Lock an open file for this process alone, at once or not at all (OSError)."""
    if sys.platform == "win32":
        import msvcrt

        os.lseek(file, _FAR, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        os.lseek(file, 0, os.SEEK_SET)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _forget() -> None:
    """Forked processes, such as loader workers, would hold on to the lock of a killed parent."""
    for file in _held:
        with contextlib.suppress(OSError):
            os.close(file)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
