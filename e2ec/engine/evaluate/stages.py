"""The names of the contour stages (paper table 1d; 'final' and 'final-dml' are the authors').

In order: init, coarse, then refine1, refine2, ... after each refinement module. `final` is the
contour after the second module (the last one where there are fewer), `final-dml` the last contour.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar, cast, get_args

from e2ec.config import Stage
from lib.errors import InputError

T = TypeVar("T")


def stage_names(count: int) -> tuple[Stage, ...]:
    """The names of a network's `count` contours, each once, in order: init, coarse, refine1, ..."""
    refined = (f"refine{number}" for number in range(1, count - 1))
    return cast(tuple[Stage, ...], ("init", "coarse", *refined)[:count])


def stage_index(stage: Stage, count: int) -> int:
    """Which of a network's `count` contours a name means.

    Raises:
        ValueError: there is no such name.
        InputError: this network has no such stage; says which it has.
    """
    if stage not in get_args(Stage):
        raise ValueError(f"stage must be one of {', '.join(get_args(Stage))}, not {stage!r}")
    names = stage_names(count)
    authors: dict[Stage, int] = {"final": min(3, count - 1), "final-dml": count - 1}
    if stage not in names and stage not in authors:
        raise InputError(
            f"stage {stage}: this network has {', '.join(names)} "
            f"(final is {names[authors['final']]}, final-dml {names[-1]}); choose one of them"
        )
    return authors[stage] if stage in authors else names.index(stage)


def select_stage(contours: Sequence[T], stage: Stage) -> T:
    """One of the network's contours, by the name of its stage; raises as `stage_index`."""
    return contours[stage_index(stage, len(contours))]
