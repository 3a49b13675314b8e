"""The harness of the benchmarks, with rows that only move a clock."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
import torch

from e2ec.bench import harness
from e2ec.bench.harness import Summary, measure
from e2ec.bench.row import Row


class FakeClock:
    """Time that passes only while a fake call runs."""

    def __init__(self) -> None:
        self.now = 0.0
        self.log: list[str] = []

    def __call__(self) -> float:
        return self.now

    def call(self, name: str, *seconds: float) -> Callable[[], None]:
        """A call that takes these seconds in turn, for ever."""
        durations = itertools.cycle(seconds)

        def run() -> None:
            self.log.append(name)
            self.now += next(durations)

        return run


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def row(ours: Callable[[], object], **peers: Callable[[], object]) -> Row:
    return Row("name", "what is included", ours, peers)


def test_turns_alternate_after_the_warm_up(clock: FakeClock) -> None:
    """Calls longer than a sample: one each turn; another one begins each round."""
    peers = {"b": clock.call("b", 2.0), "c": clock.call("c", 3.0)}
    result = measure(row(clock.call("a", 1.0), **peers), repeats=4, clock=clock)
    assert "".join(clock.log) == "abcabc" + "abc" + "bca" + "cab" + "abc"
    assert result.rounds == 4


def test_ratios_are_taken_within_a_round(clock: FakeClock) -> None:
    """The machine becomes 100 times slower for two of seven rounds: it hits both sides.

    Two samples of warm-up, then rounds; medians of 1 and 3, every ratio 3.
    """
    slow = [1.0, 1.0, 1.0, 1.0, 100.0, 100.0, 1.0, 1.0, 1.0]
    ours = clock.call("a", *slow)
    result = measure(row(ours, b=clock.call("b", *(3 * s for s in slow))), clock=clock)
    assert result.rounds == 7
    assert result.ours.median == 1.0
    assert result.peers["b"].seconds.median == 3.0
    assert result.peers["b"].ratio == Summary(3.0, 3.0, 3.0)


def test_a_short_call_is_repeated_and_its_median_taken(clock: FakeClock) -> None:
    """Of the calls that fit into a sample every third one is interrupted for ten times as long."""
    call = clock.call("a", 0.001, 0.001, 0.01)
    result = measure(row(call), repeats=3, clock=clock)
    # 12 ms for 3 calls: 25 to 27 calls until 0.1 s are over
    assert result.ours.median == pytest.approx(0.001)
    assert result.ours.spread < 1e-6
    assert 5 * 25 <= len(clock.log) <= 5 * 27
    assert clock.now == pytest.approx(5 * harness.SAMPLE, rel=0.1)


def test_a_call_that_takes_no_time_ends(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "MOST_CALLS", 10)
    result = measure(row(clock.call("a", 0.0)), repeats=1, clock=clock)
    assert result.ours.median > 0


def test_unsteady_ratios_get_more_rounds(clock: FakeClock) -> None:
    """Quartiles of 2, 8, 2 lie 1.5 times the median apart: up to three times as many."""
    wild = clock.call("b", 0.2, 0.8)
    result = measure(row(clock.call("a", 0.1), b=wild), repeats=3, clock=clock)
    assert result.rounds == 9


def test_more_rounds_end_with_the_patience(clock: FakeClock) -> None:
    """Warm-up 24 s, rounds 3 and 21 s: patience is over, and no more than asked for are made."""
    wild = clock.call("b", 2.0, 20.0)
    assert measure(row(clock.call("a", 1.0), b=wild), repeats=3, clock=clock).rounds == 3


@pytest.mark.parametrize("asked, expected", [(None, 3), (1, 1)])
def test_threads_are_set_for_every_call_and_restored(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch, asked: int | None, expected: int
) -> None:
    """Also where a call changes the number itself; OpenCV as well as torch."""
    opencv = SimpleNamespace(count=5)
    opencv.getNumThreads = lambda: opencv.count
    opencv.setNumThreads = lambda count: setattr(opencv, "count", count)
    monkeypatch.setattr(harness, "cv2", opencv)
    torch.set_num_threads(4)
    seen = []

    def run() -> None:
        seen.append((torch.get_num_threads(), opencv.count))
        clock.now += 1.0
        torch.set_num_threads(7)
        opencv.count = 0

    entry = Row("name", "", run, {"peer": run}, threads=3)
    assert measure(entry, repeats=2, threads=asked, clock=clock).threads == expected
    assert set(seen) == {(expected, expected)}
    assert (torch.get_num_threads(), opencv.count) == (4, 5)


def test_threads_are_restored_after_an_error(clock: FakeClock) -> None:
    torch.set_num_threads(4)

    def broken() -> None:
        raise RuntimeError("no memory")

    with pytest.raises(RuntimeError, match="no memory"):
        measure(row(broken), threads=1, clock=clock)
    assert torch.get_num_threads() == 4


def test_what_cannot_be_imported_is_missing(clock: FakeClock) -> None:
    """The goal speaks of the first peer, and goes with it."""
    peers = {"torchvision": None, "plain": clock.call("b", 1.0)}
    result = measure(Row("name", "text", clock.call("a", 0.5), peers, goal=2.0), clock=clock)
    assert result.ours.median == 0.5 and [*result.peers] == ["plain"]
    assert (result.missing, result.goal, result.includes) == (("torchvision",), None, "text")


def test_summary_by_hand() -> None:
    """Of 1, 2, 3, 4, 10: the median 3, quartiles 2 and 4, which are 2 / 3 of 3 apart."""
    summary = Summary.of([10, 1, 3, 2, 4])
    assert summary == Summary(3, 2, 4)
    assert summary.spread == pytest.approx(2 / 3)
    assert Summary.of([5.0]) == Summary(5.0, 5.0, 5.0)
