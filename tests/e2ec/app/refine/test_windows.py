"""Windows of a results file: whole images where they are grouped, and the same ones every time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ec.app.refine.windows import read_windows
from lib.errors import InputError


def write(path: Path, ids: list[Any]) -> Path:
    path.write_text(json.dumps([{"image_id": key, "n": n} for n, key in enumerate(ids)]))
    return path


@given(
    ids=st.lists(st.integers(1, 4), max_size=60),
    entries=st.integers(1, 9),
    characters=st.sampled_from([30, 200, 10**6]),
)
def test_nothing_is_lost_and_no_window_is_large(
    tmp_path_factory: pytest.TempPathFactory, ids: list[int], entries: int, characters: int
) -> None:
    path = write(tmp_path_factory.mktemp("windows") / "results.json", ids)
    windows = list(read_windows(path, entries=entries, characters=characters))
    found = [entry for window in windows for entry in window.entries]
    assert found == json.loads(path.read_text())
    start = 0
    for window in windows:
        assert window.first == start and 1 <= len(window.entries) <= 2 * entries
        places = window.by_image()
        assert sorted(p for each in places.values() for p in each) == [*range(len(window.entries))]
        assert all(window.entries[p]["image_id"] == k for k, each in places.items() for p in each)
        start += len(window.entries)


def test_grouped_images_are_in_one_window(tmp_path: Path) -> None:
    ids = [key for key in range(40) for _ in range(1 + key % 7)]
    windows = list(read_windows(write(tmp_path / "results.json", ids), entries=10))
    assert len(windows) > 5
    of_each = [set(window.by_image()) for window in windows]
    assert sum(map(len, of_each)) == 40


def test_what_is_no_entry_is_named(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    for bad in ("3", "null", "{}", '{"image_id": true}', '{"image_id": [1]}', '{"image_id": {}}'):
        path.write_text(f'[{{"image_id": 1}}, {bad}]')
        with pytest.raises(InputError, match=r"results\.json: entry 1: no object"):
            list(read_windows(path))
