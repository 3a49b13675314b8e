"""What was measured, as Markdown tables and as a section of docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Sequence

from e2ec.bench.records import Record
from lib.errors import InputError

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"


def to_markdown(records: Sequence[Record]) -> str:
    """A table a topic, and under it what every row includes."""
    environments = list(dict.fromkeys(_describe(record) for record in records))
    parts = [f"({number}) {text}." for number, text in enumerate(environments, 1)]
    for topic in dict.fromkeys(record.topic for record in records):
        chosen = [record for record in records if record.topic == topic]
        lines = [f"### {topic.replace('_', ' ').capitalize()}", "", *_HEAD]
        for record in chosen:
            lines += _table_lines(record, environments.index(_describe(record)) + 1)
        names: dict[str, list[str]] = {}
        for record in chosen:
            names.setdefault(record.result.includes, []).append(record.result.name)
        notes = [f"- {'; '.join(named)}: {includes}" for includes, named in names.items()]
        parts += ["\n".join(lines), "\n".join(["What is included:", "", *notes])]
    return "\n\n".join(parts)


_HEAD = (
    "| what | ours | peer | its time | ours is faster by | quartiles | goal | load, where |",
    "|---|---|---|---|---|---|---|---|",
)


def _table_lines(record: Record, place: int) -> list[str]:
    result = record.result
    where = f"{record.load[0]:.1f} to {record.load[1]:.1f} ({place})"
    start = f"| {result.name} | {_seconds(result.ours.median)}"
    lines = []
    for index, (name, peer) in enumerate(result.peers.items()):
        ratio, goal = peer.ratio, ""
        if index == 0 and result.goal is not None:
            goal = f"{result.goal:g}x: {'reached' if ratio.median >= result.goal else 'not yet'}"
        middle = f"{_seconds(peer.seconds.median)} | **{_times(ratio.median)}**"
        quartiles = f"{_times(ratio.low)} to {_times(ratio.high)}"
        lines.append(f"{start} | {name} | {middle} | {quartiles} | {goal} | {where} |")
    lines += [f"{start} | {name} | not installed | | | | {where} |" for name in result.missing]
    return lines or [f"{start} | | | | | | {where} |"]


def _describe(record: Record) -> str:
    place = record.environment
    hardware = f"{place.cores} cores of {place.cpu}" + (f", {place.gpu}" if place.gpu else "")
    versions = ", ".join(f"{name} {version}" for name, version in place.versions.items())
    waits = f"OMP_WAIT_POLICY {place.openmp_wait_policy}"
    return f"{hardware}; Python {place.python}, {versions}; {waits}"


def _seconds(value: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-6:.3g} µs"


def _times(value: float) -> str:
    return f"{value:.2f}x" if value < 10 else f"{value:.1f}x" if value < 100 else f"{value:.0f}x"


def replace_section(text: str, section: str) -> str:
    """`text` with what lies between its two markers replaced.

    Raises:
        InputError: a marker is not there.
    """
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise InputError(f"docs/benchmarks.md: the markers {BEGIN} and {END} are not there")
    return f"{head}{BEGIN}\n\n{section}\n\n{END}{tail}"
