"""Timing ours and its peers in alternating turns, so that what else the machine does hits both.

A ratio is taken within each round, where the two times lie next to each other, and the row's ratio
is the median of those; quartiles say how far it can be trusted.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from e2ec.bench.row import Call, Row

Clock = Callable[[], float]

WARM_UP_SAMPLES = 2
# Seconds in which a call is repeated for one sample: the scheduler interrupts for milliseconds.
SAMPLE = 0.1
MOST_CALLS = 10_000
# While the quartiles of a ratio lie further apart than this part of it, more rounds are made, up to
# three times as many and as long as the row has not taken this many seconds.
STEADY = 0.1
PATIENCE = 45.0


@dataclass(frozen=True)
class Summary:
    """Median and quartiles of one quantity."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Summary:
        """Of one value or more."""
        return cls(*np.percentile(values, (50, 25, 75)).tolist())

    @property
    def spread(self) -> float:
        """Distance of the quartiles as a part of the median."""
        return (self.high - self.low) / self.median


@dataclass(frozen=True)
class PeerResult:
    """One peer beside ours."""

    seconds: Summary
    """Of one call."""
    ratio: Summary
    """How many times as long as ours the peer takes, round by round."""


@dataclass(frozen=True)
class Result:
    """A row and what was measured for it."""

    name: str
    includes: str
    threads: int
    goal: float | None
    missing: tuple[str, ...]
    rounds: int
    ours: Summary
    """Seconds of one call."""
    peers: dict[str, PeerResult]


def measure(
    row: Row, *, repeats: int = 7, threads: int | None = None, clock: Clock = time.perf_counter
) -> Result:
    """Time a row: warm-up, then rounds in which everyone has a turn, each round another one first.

    Args:
        row: ours and peers.
        repeats: rounds at least.
        threads: in place of the row's own number.
        clock: seconds from any origin.
    """
    threads = row.threads if threads is None else threads
    present = {name: peer for name, peer in row.peers.items() if peer is not None}
    runs = [row.ours, *present.values()]
    before = torch.get_num_threads(), cv2.getNumThreads()
    try:
        rounds = _rounds(runs, repeats, threads, clock)
    finally:
        _use_threads(*before)
    ours, *peers = zip(*rounds, strict=True)
    return Result(
        name=row.name,
        includes=row.includes,
        threads=threads,
        goal=row.goal if [*present][:1] == [*row.peers][:1] else None,
        missing=tuple(name for name in row.peers if name not in present),
        rounds=len(rounds),
        ours=Summary.of(ours),
        peers={
            name: PeerResult(Summary.of(times), _ratio(ours, times))
            for name, times in zip(present, peers, strict=True)
        },
    )


def _rounds(runs: Sequence[Call], repeats: int, threads: int, clock: Clock) -> list[list[float]]:
    """Seconds of every run, round by round."""
    start = clock()
    for run in [*runs] * WARM_UP_SAMPLES:
        _sample(run, threads, clock)
    rounds: list[list[float]] = []
    while len(rounds) < repeats or (
        len(rounds) < 3 * repeats and clock() - start < PATIENCE and _unsteady(rounds)
    ):
        seconds = [0.0] * len(runs)
        for turn in range(len(runs)):
            index = (turn + len(rounds)) % len(runs)
            seconds[index] = _sample(runs[index], threads, clock)
        rounds.append(seconds)
    return rounds


def _sample(run: Call, threads: int, clock: Clock) -> float:
    """Median seconds of one call, of as many as fit into the sample, at least one.

    The median leaves out the calls that the scheduler interrupted.
    """
    # Packages change these numbers on their own: ultralytics when it is imported and when it
    # chooses a device.
    _use_threads(threads, threads)
    seconds: list[float] = []
    start = now = clock()
    while not seconds or (now - start < SAMPLE and len(seconds) < MOST_CALLS):
        run()
        before, now = now, clock()
        # A clock can be too coarse to see one call.
        seconds.append(max(now - before, 1e-9))
    return statistics.median(seconds)


def _ratio(ours: Sequence[float], peer: Sequence[float]) -> Summary:
    return Summary.of([theirs / own for own, theirs in zip(ours, peer, strict=True)])


def _unsteady(rounds: Sequence[Sequence[float]]) -> bool:
    ours, *peers = zip(*rounds, strict=True)
    return any(_ratio(ours, peer).spread > STEADY for peer in peers)


def _use_threads(count: int, opencv: int) -> None:
    """Threads of torch, with the compiled operators, which follow it, and of OpenCV."""
    if torch.get_num_threads() != count:
        torch.set_num_threads(count)
    if cv2.getNumThreads() != opencv:
        cv2.setNumThreads(opencv)
