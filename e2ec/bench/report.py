"""What was measured, as Markdown tables and as a section of docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from e2ec.bench.records import Record
from lib.errors import InputError

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, *rows]
    text = [f"| {' | '.join(cells)} |" for cells in lines]
    return "\n".join([text[0], "|---" * len(header) + "|", *text[1:]])


def to_markdown(records: Sequence[Record]) -> str:
    """A table a topic, and under it what every row includes."""
    environments = list(dict.fromkeys(_describe(record) for record in records))
    parts = [f"({number}) {text}." for number, text in enumerate(environments, 1)]
    for topic in dict.fromkeys(record.topic for record in records):
        chosen = [record for record in records if record.topic == topic]
        title = f"### {topic.replace('_', ' ').capitalize()}"
        rows = [
            cells
            for record in chosen
            for cells in _cells(record, environments.index(_describe(record)) + 1)
        ]
        names: dict[str, list[str]] = {}
        for record in chosen:
            names.setdefault(record.result.includes, []).append(record.result.name)
        notes = [f"- {'; '.join(named)}: {includes}" for includes, named in names.items()]
        parts += [title, table(_HEADER, rows), "What is included:", "\n".join(notes)]
    return "\n\n".join(parts)


_HEADER = (
    *("what", "ours", "peer", "its time", "ours is faster by", "quartiles", "goal"),
    "load, where",
)


def _cells(record: Record, place: int) -> list[list[str]]:
    """A line of the table for each peer."""
    result = record.result
    where = f"{record.load[0]:.1f} to {record.load[1]:.1f} ({place})"
    peers = []
    for index, (name, peer) in enumerate(result.peers.items()):
        ratio, goal = peer.ratio, ""
        if index == 0 and result.goal is not None:
            goal = f"{result.goal:g}x: {'reached' if ratio.median >= result.goal else 'not yet'}"
        quartiles = f"{_times(ratio.low)} to {_times(ratio.high)}"
        faster = f"**{_times(ratio.median)}**"
        peers.append([name, _seconds(peer.seconds.median), faster, quartiles, goal])
    peers += [[name, "not installed", "", "", ""] for name in result.missing]
    ours = [result.name, _seconds(result.ours.median)]
    return [[*ours, *cells, where] for cells in peers or [[""] * 5]]


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
