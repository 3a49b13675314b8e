"""Indexes that took long to read are kept on disk and opened from there.

An entry is a folder of .npy files, which processes map into memory and so share. It belongs to the
names, sizes and times of the files it was made from, and to the code that made it: where one of
them changed, a new entry is made. An entry never changes, as others may be using it.
Entries lie in `$E2EC_CACHE`, or else in `e2ec` in the user's cache folder; deleting them is safe.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np

import dataset
import lib
from dataset.index.columns import Columns
from dataset.index.label_index import LabelIndex
from lib.errors import InputError
from lib.files import read_json

# Reading that takes longer than this is worth the disk space, seconds.
_WORTH = 3.0
# Entries of a former state that are older than this may go, seconds; others may be in use.
_OUTDATED = 24 * 3600.0


def open_index(sources: Sequence[Path], options: str, read: Callable[[], LabelIndex]) -> LabelIndex:
    """The index that `read` returns, from disk where it lies there.

    Args:
        sources: all files that it is made from.
        options: everything else that it depends on.
        read: makes it.

    Raises:
        InputError: from `read`.
    """
    folder = _folder(sources, options)
    index = load_index(folder)
    if index is not None:
        return index
    started = time.perf_counter()
    index = read()
    if time.perf_counter() - started < _WORTH:
        return index
    # Where nothing can be written, it is read again the next time.
    with suppress(OSError):
        save_index(folder, index)
        # From disk the memory is shared with other processes.
        return load_index(folder) or index
    return index


def save_index(folder: Path, index: LabelIndex) -> None:
    """Write an index as an entry, in one step; outdated entries of the same files go.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        index.columns.save(temporary)
        head = {
            "source": index.source,
            "categories": list(index.categories.items()),
            "labelled": index.labelled,
        }
        (temporary / "index.json").write_text(json.dumps(head))
        if load_index(folder) is None:
            shutil.rmtree(folder, ignore_errors=True)  # damaged
        with suppress(OSError):  # another process has made the same entry
            os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    for other in folder.parent.glob(f"{folder.name.split('-')[0]}-*"):
        if other != folder and time.time() - other.stat().st_mtime > _OUTDATED:
            shutil.rmtree(other, ignore_errors=True)


def load_index(folder: Path) -> LabelIndex | None:
    """The index of an entry; None where there is none, or a damaged one."""
    try:
        head = read_json(folder / "index.json")
        columns = Columns.load(folder)
        return LabelIndex(
            source=head["source"],
            categories={int(key): str(name) for key, name in head["categories"]},
            columns=columns,
            rows=np.arange(len(columns.image_ids)),
            labelled=bool(head["labelled"]),
        )
    except (InputError, OSError, ValueError, KeyError, TypeError):
        return None


def _folder(sources: Sequence[Path], options: str) -> Path:
    """Where the entry lies: named by what it is made from, and by the state of that."""
    base = os.environ.get("E2EC_CACHE")
    if base is None:
        base = os.path.join(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "e2ec")
    names = json.dumps([options, *(os.path.abspath(source) for source in sources)])
    state = json.dumps([_code(), *map(_file_state, sources)])
    return Path(base) / f"{_digest(names)}-{_digest(state)}"


def _file_state(path: Path) -> tuple[int, int, int] | None:
    """Size and times of a file; None where it is not there."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


@cache
def _code() -> str:
    """A digest of the readers' source: they may have read differently before."""
    folders = [Path(folder) for package in (dataset, lib) for folder in package.__path__]
    files = sorted(path for folder in folders for path in folder.rglob("*.py"))
    return _digest("".join(path.read_text("utf-8") for path in files))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:20]
