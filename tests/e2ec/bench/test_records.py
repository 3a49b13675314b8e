"""What is kept of a benchmark: JSON, merging, tables, and the guard against falling ratios."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from e2ec.bench.check import compare
from e2ec.bench.harness import PeerResult, Result, Summary
from e2ec.bench.records import Environment, Record, merge, read_records, write_records
from e2ec.bench.report import BEGIN, END, replace_section, to_markdown
from lib.errors import InputError

HERE = Environment("AMD EPYC", 2, None, "3.11.7", {"torch": "2.12.1"}, "passive")
THERE = replace(HERE, cpu="other", gpu="H200")


def record(name: str, missing: tuple[str, ...] = (), **ratios: float) -> Record:
    """A row of 2 ms whose peers are so many times slower."""
    peers = {
        peer: PeerResult(
            Summary(*[round(0.002 * ratio, 4)] * 3),
            Summary(ratio, round(0.9 * ratio, 2), round(1.1 * ratio, 2)),
        )
        for peer, ratio in ratios.items()
    }
    ours = Summary(0.002, 0.0019, 0.0021)
    result = Result(name, f"all of {name}", 2, 3.0, missing, 7, ours, peers)
    return Record("operators", result, (1.5, 2.25), HERE)


def test_json_round_trip(tmp_path: Path) -> None:
    records = [
        record("a", torchvision=15.0, plain=2.5),
        replace(record("b", missing=("torchvision",)), environment=THERE, topic="polygons"),
        record("c"),
    ]
    write_records(tmp_path / "ratios.json", records)
    assert read_records(tmp_path / "ratios.json") == records


@pytest.mark.parametrize(
    "text", ["[]", "{}", '{"environments": [], "rows": [{}]}', '{"environments": 3, "rows": []}']
)
def test_another_document_is_one_clear_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "ratios.json"
    path.write_text(text)
    with pytest.raises(InputError, match="not a file of measured ratios") as caught:
        read_records(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_the_environment_is_that_of_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy
    import torch

    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    here = Environment.here()
    assert here.versions["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert here.versions["numpy"] == numpy.__version__
    assert here.cpu and here.cores >= 1 and here.openmp_wait_policy == "passive"


def test_fresh_rows_take_the_place_of_recorded_ones() -> None:
    old = [record("a", plain=2.0), record("b", plain=2.0)]
    fresh = [record("c", plain=4.0), record("b", plain=3.0)]
    merged, kept = merge(old, fresh)
    assert merged == [old[0], fresh[1], fresh[0]] and kept == []


def test_a_row_recorded_with_a_peer_that_is_missing_now_stays() -> None:
    old = [record("a", torchvision=15.0, plain=2.0)]
    merged, kept = merge(old, [record("a", missing=("torchvision",), plain=3.0)])
    assert merged == old
    assert kept == ["a: stays as recorded, without torchvision here"]


def test_a_peer_that_is_no_longer_compared_with_goes() -> None:
    """Nothing is missing: the row has changed."""
    fresh = [record("a", plain=3.0)]
    assert merge([record("a", other=15.0, plain=2.0)], fresh) == (fresh, [])


def test_a_fall_by_more_than_a_third_is_found() -> None:
    """15 to 10.1 is less than a third, to 9.9 more."""
    old = [record(name, torchvision=15.0, plain=2.0) for name in "abc"]
    fresh = [
        record("a", torchvision=10.1, plain=9.0),
        record("b", torchvision=9.9, plain=2.0),
        record("c", torchvision=9.9, plain=1.0),
    ]
    found = compare(old, fresh)
    assert found.count == 6 and found.unmatched == []
    assert [name for _, name in found.fallen] == ["b", "c"]
    assert found.fallen["operators", "b"] == [
        "b: 9.9 times as fast as torchvision, recorded 15: fallen by 34%"
    ]
    assert len(found.fallen["operators", "c"]) == 2


def test_what_cannot_be_compared_is_named_and_no_failure() -> None:
    old = [record("a", torchvision=15.0), record("b", plain=2.0)]
    fresh = [record("a", missing=("torchvision",), plain=0.1), record("c", plain=1.0)]
    found = compare(old, fresh)
    assert (found.fallen, found.count) == ({}, 0)
    assert found.unmatched == [
        "a: torchvision is missing here",
        "a: plain is not recorded yet",
        "b: recorded, but not measured here",
        "c: not recorded yet",
    ]


def test_table_by_hand() -> None:
    """What several rows include is said once."""
    a, b = record("a", ("ultralytics",), torchvision=15.0, plain=2.5), record("b", plain=0.5)
    c = replace(record("c"), environment=THERE, result=replace(b.result, name="c", peers={}))
    lines = to_markdown([a, b, c]).splitlines()
    assert lines[0].startswith("(1) 2 cores of AMD EPYC; Python 3.11.7, torch 2.12.1; ")
    assert lines[2].startswith("(2) 2 cores of other, H200; ")
    assert "### Operators" in lines
    assert [line for line in lines if line.startswith(("| a", "| b", "| c"))] == [
        "| a | 2 ms | torchvision | 30 ms | **15.0x** | 13.5x to 16.5x | 3x: reached"
        " | 1.5 to 2.2 (1) |",
        "| a | 2 ms | plain | 5 ms | **2.50x** | 2.25x to 2.75x |  | 1.5 to 2.2 (1) |",
        "| a | 2 ms | ultralytics | not installed |  |  |  | 1.5 to 2.2 (1) |",
        "| b | 2 ms | plain | 1 ms | **0.50x** | 0.45x to 0.55x | 3x: not yet | 1.5 to 2.2 (1) |",
        "| c | 2 ms |  |  |  |  |  | 1.5 to 2.2 (2) |",
    ]
    assert lines[-2:] == ["- a: all of a", "- b; c: all of b"]


def test_the_section_between_the_markers_is_replaced() -> None:
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    once = replace_section(text, "new")
    assert once == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    assert replace_section(once, "new") == once
    with pytest.raises(InputError, match="markers"):
        replace_section("no markers", "new")
