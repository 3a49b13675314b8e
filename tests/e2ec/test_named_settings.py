"""Settings changed by their dotted names."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hypothesis import given
from hypothesis import strategies as st

from e2ec.config import Config
from e2ec.named_settings import with_settings


@dataclass(frozen=True)
class Range:
    """Two that are checked together."""

    low: int = 0
    high: int = 10

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low above high")


@dataclass(frozen=True)
class Outer:
    """A section, and a value beside it."""

    inner: Range = field(default_factory=Range)
    count: int = 1


@given(st.permutations([("inner.low", 20), ("inner.high", 30), ("count", 2)]))
def test_a_section_is_checked_as_it_will_be(values: list[tuple[str, int]]) -> None:
    """From 0..10 to 20..30: one after the other, either order would end at low above high."""
    assert with_settings(Outer(), dict(values)) == Outer(Range(20, 30), 2)


def test_a_section_and_what_lies_in_it() -> None:
    found = with_settings(Outer(), {"inner": Range(1, 2), "inner.high": 5})
    assert found == Outer(Range(1, 5), 1)
    config = with_settings(Config(name="x"), {"data.view.zoom": 2.0})
    assert config.data.view == replace(config.data.view, zoom=2.0)
