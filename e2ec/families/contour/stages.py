"""The names of the contour stages (paper table 1d; 'final' and 'final-dml' are the authors').

In order: init, coarse, then refine1, refine2, ... after each refinement module. `final` is the
contour after the second module (the last one where there are fewer), `final-dml` the last
refinement.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

from e2ec.config import Stage
from lib.errors import InputError


def stage_names(refinements: int) -> tuple[str, ...]:
    """The stages, in order, of a network with this number of refinement modules."""
    return ("init", "coarse", *(f"refine{number + 1}" for number in range(refinements)))


def resolve_stage(stage: str, stages: Sequence[str]) -> str:
    """Which of a network's stages a name means.

    Args:
        stage: a name, or one of the authors'.
        stages: of the network, in order.

    Raises:
        ValueError: there is no such name.
        InputError: this network has no such stage; says which it has.
    """
    if stage not in get_args(Stage):
        raise ValueError(f"stage must be one of {', '.join(get_args(Stage))}, not {stage!r}")
    refined = [name for name in stages if name.startswith("refine")] or stages
    authors = {"final": refined[:2][-1], "final-dml": refined[-1]}
    if stage not in stages and stage not in authors:
        raise InputError(
            f"stage {stage}: this network has {', '.join(stages)} (final is {authors['final']}, "
            f"final-dml {authors['final-dml']}); choose one of them"
        )
    return authors.get(stage, stage)
