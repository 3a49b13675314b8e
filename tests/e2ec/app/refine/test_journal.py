"""Results on the way: whole at every moment, gone on with, and never mixed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from e2ec.app.refine.journal import Journal
from lib.errors import InputError

INPUTS = {"results": "a", "weights": "b"}


def test_elements_become_one_list(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    out.write_text("what was there")
    with Journal(out, INPUTS) as journal:
        assert (journal.done, journal.total) == (0, None)
        journal.begin(3)
        journal.write(['{"a": 1}'])
        journal.write([])
        journal.write(["2", "[3]"])
        assert out.read_text() == "what was there"
        journal.finish()
    assert json.loads(out.read_text()) == [{"a": 1}, 2, [3]]
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_it_goes_on_behind_the_last_whole_line(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    with Journal(out, INPUTS) as journal:
        journal.begin(3)
        journal.write(["1", "2"])
    part = tmp_path / "out.json.part"
    with (part / "results.json").open("a") as file:
        file.write(",3")  # torn
    with Journal(out, INPUTS) as journal:
        assert (journal.done, journal.total) == (2, 3)
        journal.write(["4"])
    with (part / "results.json").open("a") as file:
        file.write("]\n")  # killed before it was put in its place
    with Journal(out, INPUTS) as journal:
        assert journal.done == 3
        journal.finish()
    assert json.loads(out.read_text()) == [1, 2, 4]


def test_other_inputs_are_refused_by_name(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    with Journal(out, INPUTS) as journal:
        journal.begin(2)
        journal.write(["1"])
    with pytest.raises(InputError, match=r"out\.json\.part: was begun with other weights;"):
        Journal(out, INPUTS | {"weights": "c"}).__enter__()
    (tmp_path / "out.json.part" / "inputs.json").write_text("[]")
    with pytest.raises(InputError, match="is damaged; remove"):
        Journal(out, INPUTS).__enter__()


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with Journal(tmp_path / "out.json", INPUTS) as journal:
        journal.begin(1)
        with pytest.raises(InputError, match="in use by another process"):
            Journal(tmp_path / "out.json", INPUTS).__enter__()
    with Journal(tmp_path / "out.json", INPUTS):
        pass


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        Journal(tmp_path, INPUTS).__enter__()
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        Journal(tmp_path / "file" / "out.json", INPUTS).__enter__()


def test_nothing_is_left_where_nothing_was_begun(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), Journal(tmp_path / "deep" / "out.json", INPUTS):
        raise ZeroDivisionError
    assert not any(tmp_path.iterdir())
