"""Indexes that took long to read are kept on disk and opened from there.

An entry is a folder of .npy files, which processes map into memory and so share. It belongs to the
names, sizes and times of the files it was made from, and to the code that made it: where one of
them changed, it is made anew.
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
from typing import Any

import numpy as np

from dataset.columns import Columns
from dataset.label_index import LabelIndex
from lib.errors import InputError
from lib.files import read_json

# Reading that takes longer than this is worth the disk space, seconds.
_WORTH = 3.0


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
    state = _state(sources)
    index = load_index(folder, state)
    if index is not None:
        return index
    started = time.perf_counter()
    index = read()
    if time.perf_counter() - started < _WORTH:
        return index
    # Where nothing can be written, it is read again the next time.
    with suppress(OSError):
        save_index(folder, index, state)
        # From disk the memory is shared with other processes.
        return load_index(folder, state) or index
    return index


def save_index(folder: Path, index: LabelIndex, state: str) -> None:
    """Write an index as an entry, in one step; an older one is replaced.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        index.columns.save(temporary)
        head = {
            "state": state,
            "source": index.source,
            "categories": list(index.categories.items()),
            "labelled": index.labelled,
        }
        (temporary / "index.json").write_text(json.dumps(head))
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def load_index(folder: Path, state: str) -> LabelIndex | None:
    """The index of an entry; None where there is none, a damaged one, or one of another state."""
    try:
        head = read_json(folder / "index.json")
        if head["state"] != state:
            return None
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
    base = os.environ.get("E2EC_CACHE")
    if base is None:
        base = os.path.join(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "e2ec")
    names = json.dumps([options, *(str(source.resolve()) for source in sources)])
    return Path(base) / hashlib.sha256(names.encode()).hexdigest()[:24]


def _state(sources: Sequence[Path]) -> str:
    """A digest of the code, and of the sizes and times of the files that are there."""
    values: list[Any] = [_code()]
    for source in sources:
        try:
            status = os.stat(source)
            values.append((status.st_size, status.st_mtime_ns, status.st_ctime_ns))
        except OSError:
            values.append(None)
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


@cache
def _code() -> str:
    """A digest of the readers' source: they may have read differently before."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
