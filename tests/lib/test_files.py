"""Files: writes happen completely or not at all, and bad files are reported in one line."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lib.errors import InputError
from lib.files import (
    atomic_write_bytes,
    atomic_write_json,
    atomic_write_text,
    read_json,
    remove_temporaries,
)


def test_written_files_read_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "value.json"
    atomic_write_json(path, {"a": [1, 2.5, "ä"]}, indent=2)
    assert read_json(path) == {"a": [1, 2.5, "ä"]}
    assert path.read_text().endswith("}\n")
    atomic_write_text(path, "[1]")
    assert read_json(str(path)) == [1]
    atomic_write_bytes(path, b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"


def test_others_may_read_what_is_written(tmp_path: Path) -> None:
    path = tmp_path / "file"
    previous = os.umask(0o022)
    try:
        atomic_write_text(path, "text")
        assert os.umask(0o022) == 0o022, "writing must not change the umask"
    finally:
        os.umask(previous)
    assert path.stat().st_mode & 0o777 == 0o644


def test_numbers_that_are_not_json_leave_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    atomic_write_json(path, 1)
    with pytest.raises(ValueError, match="JSON"):
        atomic_write_json(path, [math.nan])
    assert read_json(path) == 1
    assert [item.name for item in tmp_path.iterdir()] == ["file.json"]


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk: the write fails half way."""
    path = tmp_path / "weights.bin"
    path.write_bytes(b"old")
    code = f"""
import resource
from lib.errors import InputError
from lib.files import atomic_write_bytes
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    atomic_write_bytes({str(path)!r}, bytes(100_000))
except InputError as error:
    print(error)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert str(path) in result.stdout and "cannot be written" in result.stdout
    assert len(result.stdout.strip().splitlines()) == 1
    assert path.read_bytes() == b"old"
    assert [item.name for item in tmp_path.iterdir()] == ["weights.bin"]


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file/inner.*cannot be written"):
        atomic_write_text(tmp_path / "file" / "inner", "text")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=r"folder.*cannot be written"):
        atomic_write_text(tmp_path / "folder", "text")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["file", "folder"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"{'a': 1}", "not valid JSON"),
        (b"[1, 2", "not valid JSON"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"[" * 200_000, "nested too deeply"),
    ],
    ids=["empty", "quotes", "cut short", "binary", "deep"],
)
def test_unusable_json_is_one_line_naming_the_file(
    tmp_path: Path, data: bytes, message: str
) -> None:
    path = tmp_path / "input.json"
    path.write_bytes(data)
    with pytest.raises(InputError, match=message) as error:
        read_json(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    for path, what in ((tmp_path / "absent.json", "not found"), (tmp_path, "is a folder")):
        with pytest.raises(InputError, match=what) as error:
            read_json(path)
        assert str(path) in str(error.value)


def test_text_that_is_no_unicode_is_written_escaped(tmp_path: Path) -> None:
    """File names of other encodings reach us as lone surrogates."""
    path = tmp_path / "names.txt"
    atomic_write_text(path, "caf\udce9 é")
    assert path.read_text("utf-8") == "caf\\udce9 é"


def test_what_a_killed_writer_leaves_is_removed_and_nothing_else(tmp_path: Path) -> None:
    """SIGKILL while the file is on its way to the disk; names that are nearly ours stay."""
    code = f"""
import os, signal
from lib.files import atomic_write_bytes
os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)
atomic_write_bytes({str(tmp_path / "state.pt")!r}, b"half")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True)
    assert done.returncode < 0
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".state.pt."), left
    others = {
        "state.pt", ".state.pt", ".notes.personal", ".a.e2ec", "a.12345678.e2ec", ".lock",
        ".a.1234567.e2ec", ".a.12345678.e2ec.txt", ".a.1234567A.e2ec",
    }  # fmt: skip
    for name in others:
        (tmp_path / name).write_text("")
    (tmp_path / ".folder.12345678.e2ec").mkdir()
    (tmp_path / ".link.12345678.e2ec").symlink_to(tmp_path / "state.pt")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner/.a.12345678.e2ec").write_text("")
    remove_temporaries(tmp_path, tmp_path / "missing")
    kept = {".folder.12345678.e2ec", ".link.12345678.e2ec", "inner"}
    assert {path.name for path in tmp_path.iterdir()} == others | kept
    assert (tmp_path / "inner/.a.12345678.e2ec").exists()
