"""`python -m e2ec.bench` with topics made up for the test."""

from __future__ import annotations

import itertools
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2ec.bench import command, harness, noise
from e2ec.bench import run as run_module
from e2ec.bench.command import main
from e2ec.bench.harness import PeerResult, Result, Summary
from e2ec.bench.records import read_records
from e2ec.bench.report import BEGIN, END
from e2ec.bench.row import Row
from lib.errors import InputError

ROOT = Path(__file__).parents[3]
Topic = Callable[[str, Callable[[], Iterator[Row]]], None]


@pytest.fixture(autouse=True)
def ratios(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of ratios, with a document beside it, in place of those of the project."""
    monkeypatch.setattr(command, "RATIOS", tmp_path / "ratios.json")
    monkeypatch.setattr(command, "DOCUMENT", tmp_path / "benchmarks.md")
    (tmp_path / "benchmarks.md").write_text(f"# Title\n{BEGIN}\n{END}\nend\n")
    return tmp_path / "ratios.json"


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> Topic:
    """Puts a module `rows()` in the place of a topic; all others are gone."""
    monkeypatch.setattr(run_module, "TOPICS", ())

    def put(name: str, rows: Callable[[], Iterator[Row]]) -> None:
        module = types.SimpleNamespace(rows=rows)
        monkeypatch.setitem(sys.modules, f"e2ec.bench.{name}", module)
        monkeypatch.setattr(run_module, "TOPICS", (*run_module.TOPICS, name))

    return put


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> dict[str, Iterator[float]]:
    """What `measure` finds for the first peer of a row, in turn; 3 without an entry."""
    ratios: dict[str, Iterator[float]] = {}

    def measure(row: Row, *, repeats: int, threads: int | None) -> Result:
        row.ours()
        second = Summary(1.0, 1.0, 1.0)
        ratio = next(ratios.get(row.name, itertools.repeat(3.0)))
        peer = PeerResult(second, Summary(ratio, ratio, ratio))
        peers = {name: peer for name, call in row.peers.items() if call}
        missing = tuple(set(row.peers) - set(peers))
        return Result(row.name, row.includes, 2, row.goal, missing, repeats, second, peers)

    monkeypatch.setattr(run_module, "measure", measure)
    return ratios


def row(name: str, *, missing: bool = False) -> Row:
    return Row(name, "everything", lambda: None, {"peer": None if missing else lambda: None})


def rows(*names: str) -> Callable[[], Iterator[Row]]:
    return lambda: (row(name) for name in names)


def test_all_topics_are_measured_and_printed(
    topic: Topic,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the real harness."""
    monkeypatch.setattr(harness, "SAMPLE", 0.0)
    monkeypatch.setattr(harness, "PATIENCE", 0.0)
    topic("first", rows("a", "b"))
    topic("second", lambda: iter([row("c", missing=True)]))
    path = tmp_path / "new" / "all.json"
    assert main(["--json", str(path), "--threads", "1", "--repeats", "2"]) == 0
    records = read_records(path)
    assert [(r.topic, r.result.name) for r in records] == [
        ("first", "a"), ("first", "b"), ("second", "c"),
    ]  # fmt: skip
    assert all((r.result.threads, r.result.rounds) == (1, 2) for r in records)
    printed = capsys.readouterr()
    assert "### First" in printed.out and "| c |" in printed.out
    assert "not installed" in printed.out and "no peer" in printed.err


@pytest.mark.usefixtures("measured")
@pytest.mark.parametrize(
    "only, expected",
    [(["first"], ["forward", "backward"]), (["ward 2"], ["forward 2"]), (["forward", "zoo"],
     ["forward", "forward 2"])],
)  # fmt: skip
def test_only(topic: Topic, tmp_path: Path, only: list[str], expected: list[str]) -> None:
    topic("first", rows("forward", "backward"))
    topic("second", rows("forward 2"))
    path = tmp_path / "some.json"
    options = [part for name in only for part in ("--only", name)]
    assert main([*options, "--json", str(path)]) == 0
    assert [r.result.name for r in read_records(path)] == expected


@pytest.mark.usefixtures("measured")
def test_other_topics_are_not_even_set_up(topic: Topic) -> None:
    def heavy() -> Iterator[Row]:
        raise AssertionError("set up")
        yield

    topic("first", rows("a"))
    topic("second", heavy)
    assert main(["--only", "first"]) == 0


@pytest.mark.usefixtures("measured")
def test_nothing_by_that_name_is_an_error(topic: Topic) -> None:
    topic("first", rows("a"))
    with pytest.raises(InputError, match=r"^no row is named zzz$"):
        main(["--only", "zzz"])


@pytest.mark.usefixtures("measured")
def test_what_fails_is_named_and_the_rest_goes_on(
    topic: Topic, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise RuntimeError("no memory")

    def stops() -> Iterator[Row]:
        yield row("b")
        raise ImportError("no weights")

    topic("first", lambda: iter([Row("a", "", broken, {})]))
    topic("second", stops)
    topic("third", rows("c"))
    path = tmp_path / "some.json"
    assert main(["--json", str(path)]) == 1
    assert [r.result.name for r in read_records(path)] == ["b", "c"]
    assert capsys.readouterr().err.splitlines()[-2:] == [
        "a: failed (RuntimeError: no memory)",
        "second: failed (ImportError: no weights)",
    ]


def test_recording_and_checking(
    topic: Topic, ratios: Path, measured: dict[str, Iterator[float]],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Recorded 3; `a` is steady, `b` falls once, `c` falls twice."""
    topic("first", rows("a", "b", "c"))
    assert main(["--record"]) == 0
    assert main(["--record", "--only", "b"]) == 0  # the rest is kept
    assert [r.result.name for r in read_records(ratios)] == ["a", "b", "c"]
    document = (ratios.parent / "benchmarks.md").read_text()
    assert document.startswith("# Title\n") and document.endswith(f"{END}\nend\n")
    assert document.count("**3.00x**") == 3
    before = ratios.read_bytes()

    capsys.readouterr()
    assert main(["--check"]) == 0
    assert capsys.readouterr().err.splitlines()[-2:] == [
        "compared 3 of 3 recorded ratios",
        "no ratio has fallen by more than a third",
    ]
    measured.update(b=iter([1.0, 3.0]), c=iter([1.0, 1.5]))
    capsys.readouterr()
    assert main(["--check"]) == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        "c: 1.5 times as fast as peer, recorded 3: fallen by 50%"
    )
    assert ratios.read_bytes() == before


@pytest.mark.usefixtures("measured")
def test_missing_peers_are_named_by_the_check(
    topic: Topic, ratios: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    topic("first", rows("a", "b"))
    assert main(["--record"]) == 0
    topic("first", lambda: iter([row("a", missing=True)]))
    capsys.readouterr()
    assert main(["--check"]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert "a: peer is missing here" in lines
    assert "b: recorded, but not measured here" in lines
    assert lines[-1] == "compared 0 of 2 recorded ratios"  # so nothing is said of them


def test_a_check_without_records_is_an_error(topic: Topic, ratios: Path) -> None:
    topic("first", rows("a"))
    with pytest.raises(InputError, match=str(ratios)):
        main(["--check"])


@pytest.mark.parametrize(
    "arguments", [["--repeats", "0"], ["--threads", "x"], ["--check", "--record"], ["--fast"]]
)
def test_wrong_options_are_usage_errors(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


def test_the_rows_of_noise_are_the_same_on_both_sides() -> None:
    rows = list(noise.rows())
    assert all(list(row.peers.values()) == [row.ours] for row in rows)
    assert len({row.name for row in rows}) == len(rows)
    for row in rows:
        row.ours()


@pytest.mark.parametrize(
    ("module", "option"), [("bench", "--only NAME"), ("bench.inference", "SIDE")]
)
def test_the_module_is_a_command(module: str, option: str) -> None:
    words = [sys.executable, "-m", f"e2ec.{module}", "--help"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and option in done.stdout


def test_the_document_has_its_markers() -> None:
    text = (ROOT / "docs" / "benchmarks.md").read_text()
    assert text.count(BEGIN) == text.count(END) == 1
