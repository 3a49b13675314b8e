"""A lock on a folder: one holder at a time, none left behind by a process that was killed."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from lib import folder_lock
from lib.errors import InputError
from lib.folder_lock import FolderLock

# Takes the lock, says so, and waits; with a forked child that outlives it.
HOLDER = """
import os, sys, time
from lib.folder_lock import FolderLock
with FolderLock(sys.argv[1], remedy="wait"):
    if "fork" not in sys.argv or not os.fork():
        print("held", flush=True)
    time.sleep(60)
"""


def hold(folder: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLDER, str(folder), *options]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    return holder


@pytest.mark.parametrize("options", [(), ("fork",)], ids=["alone", "with a child"])
def test_a_killed_holder_leaves_nothing_behind(options: tuple[str, ...], tmp_path: Path) -> None:
    """Also where a process that it started lives on."""
    holder = hold(tmp_path / "run", *options)
    try:
        with pytest.raises(InputError, match=f"process {holder.pid} on ") as caught:
            FolderLock(tmp_path / "run", remedy="choose another").__enter__()
        line = str(caught.value)
        assert line.startswith(f"{tmp_path / 'run'}: in use") and line.endswith("; choose another")
        assert socket.gethostname() in line and "\n" not in line
        holder.kill()
        holder.wait()
        with FolderLock(tmp_path / "run", remedy="") as lock:
            assert lock.held
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(holder.pid, signal.SIGKILL)
        holder.wait()


def test_it_is_given_back_and_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "runs/x"
    with FolderLock(folder, remedy="") as lock:
        assert lock.held and folder.is_dir()
        with pytest.raises(InputError, match=f"process {os.getpid()} on"):
            FolderLock(folder, remedy="").__enter__()
    assert not folder.exists() and not lock.held
    with pytest.raises(ValueError, match="inside"), FolderLock(folder, remedy=""):
        (folder / "result").write_text("")
        raise ValueError("inside")
    assert [path.name for path in folder.iterdir()] == ["result"]
    with FolderLock(folder, remedy="") as lock:
        assert lock.held


def test_a_file_removed_by_its_holder_meanwhile_is_not_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Opened before the holder let go and removed it: locked, but nobody else would see it."""
    original, removed = folder_lock._lock, []

    def lock(file: int) -> None:
        original(file)
        if not removed:
            removed.append((tmp_path / folder_lock.NAME).unlink())

    monkeypatch.setattr(folder_lock, "_lock", lock)
    with FolderLock(tmp_path, remedy=""), pytest.raises(InputError, match="in use"):
        FolderLock(tmp_path, remedy="").__enter__()


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL])
def test_file_systems_without_locks(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lock(file: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(folder_lock, "_lock", lock)
    with FolderLock(tmp_path, remedy="") as first, FolderLock(tmp_path, remedy="") as second:
        assert not first.held and not second.held
    assert not list(tmp_path.iterdir()) if tmp_path.exists() else True


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file/run: cannot be written"):
        FolderLock(tmp_path / "file" / "run", remedy="").__enter__()


def test_what_stands_in_the_file_is_shown_as_one_line(tmp_path: Path) -> None:
    with FolderLock(tmp_path, remedy="wait"):
        (tmp_path / folder_lock.NAME).write_bytes(b"a\nb\x1b[31m\xff" + b"x" * 1000)
        with pytest.raises(InputError) as caught:
            FolderLock(tmp_path, remedy="wait").__enter__()
    line = str(caught.value)
    assert "(a b [31m" in line and line.isprintable() and len(line) < 400
