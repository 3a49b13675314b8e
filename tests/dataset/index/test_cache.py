"""Indexes that were kept on disk: when they are used, and shared with other processes."""

from __future__ import annotations

import os
import pickle
import time
from pathlib import Path

import numpy as np
import pytest

from dataset.index import cache
from dataset.index.builder import IndexBuilder
from dataset.index.cache import open_index
from dataset.index.label_index import LabelIndex

LABELS = "labels.json"


def index_of(objects: int) -> LabelIndex:
    """An image with a mask and this many triangles, and another without any object."""
    builder = IndexBuilder("labels")
    builder.add_category(3, "thing")
    for key in (1, 2):
        builder.add_image(key, f"ordner/bild-ü{key}.png", 10, 8)
    builder.add(id=None, image_id=1, category_id=3, runs=np.array([17, 3, 18, 2, 40]), size=(8, 10))
    for number in range(objects):
        builder.add(id=None, image_id=1, category_id=3, polygons=[[0, 0, 5, 0, number, 7]])
    return builder.finish()


ONE, TWO, THREE = map(index_of, (1, 2, 3))


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A label file in the working folder, and the folder of a cache that keeps everything."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("E2EC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_WORTH", -1.0)
    Path(LABELS).write_text("one")
    return tmp_path / "cache"


def opened(index: LabelIndex | None, options: str = "x") -> LabelIndex:
    """What is opened where `index` would be read; with None reading is an error."""

    def read() -> LabelIndex:
        assert index is not None, "read again"
        return index

    return open_index([Path(LABELS)], options, read)


def assert_same(one: LabelIndex, other: LabelIndex) -> None:
    assert one.ground_truth() == other.ground_truth()
    assert (one.source, one.labelled) == (other.source, other.labelled)


def test_an_index_is_kept() -> None:
    assert_same(opened(ONE), ONE)
    assert_same(opened(None), ONE)
    assert isinstance(opened(None).columns.points, np.memmap)
    with pytest.raises(AssertionError, match="read again"):
        opened(None, "y")


CHANGES = ["content", "time", "removed", "damaged", "other layout", "other code"]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_noticed(kept: Path, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(ONE)
    (entry,) = kept.iterdir()
    if change == "content":  # of the same length and with the old time
        times = Path(LABELS).stat()
        time.sleep(0.01)
        Path(LABELS).write_text("two")
        os.utime(LABELS, ns=(times.st_atime_ns, times.st_mtime_ns))
    elif change == "time":
        os.utime(LABELS)
    elif change == "removed":
        Path(LABELS).unlink()
    elif change == "damaged":
        (entry / "points.npy").write_bytes((entry / "points.npy").read_bytes()[:100])
    elif change == "other layout":  # before there were offsets, columns ended in `_ends`
        for path in list(entry.glob("*_offsets.npy")):
            path.rename(path.with_name(path.name.replace("_offsets", "_ends")))
    else:
        monkeypatch.setattr(cache, "_code", lambda: "new")
    assert_same(opened(TWO), TWO)
    assert_same(opened(None), TWO)
    assert [path for path in kept.iterdir() if path.name.startswith(".")] == []


def test_entries_belong_to_the_source_of_their_readers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of every file of both packages, however deep it lies."""
    digests = []
    for package in ("dataset", "lib", "dataset", "lib"):
        path = tmp_path / package / "polygons" / "ragged.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"text {len(digests)}")
        monkeypatch.setattr(getattr(cache, package), "__path__", [str(tmp_path / package)])
        digests.append(cache._code.__wrapped__())
    assert len(set(digests)) == 4
    assert cache._code.__wrapped__() == digests[-1]


def test_an_entry_in_use_is_not_touched_and_an_outdated_one_goes(
    kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = pickle.dumps(opened(ONE))
    Path(LABELS).write_text("two")
    opened(TWO)
    assert_same(pickle.loads(data), ONE)
    assert len(list(kept.iterdir())) == 2
    monkeypatch.setattr(cache, "_OUTDATED", -1.0)
    Path(LABELS).write_text("three")
    opened(THREE)
    assert len(list(kept.iterdir())) == 1


def test_nothing_is_kept_that_is_read_quickly(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_WORTH", 60.0)
    opened(ONE)
    assert not kept.exists()


def test_a_folder_that_cannot_be_written_does_no_harm(kept: Path) -> None:
    kept.write_text("a file")
    assert_same(opened(ONE), ONE)


def test_new_processes_open_the_files_instead_of_getting_a_copy() -> None:
    assert_same(pickle.loads(pickle.dumps(ONE)), ONE)
    part = opened(ONE).subset(limit=1)
    data = pickle.dumps(part)
    assert len(data) < 1500
    again = pickle.loads(data)
    assert_same(again, part)
    assert isinstance(again.columns.points, np.memmap)
