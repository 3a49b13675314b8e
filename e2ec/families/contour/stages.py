"""The names of the contour stages (paper table 1d; 'final' and 'final-dml' are the authors').

In order: init, coarse (where there is a global deformation), then refine1, refine2, ... after each
refinement module, and sharp where the network ends in SharpContour. `final` is the contour after
the second module (the last one where there are fewer), `final-dml` the last refinement.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from lib.errors import InputError
from network.contour.architecture import MAX_REFINEMENTS

Stage = Literal["init", "coarse", "refine1", "refine2", "refine3", "sharp", "final", "final-dml"]
"""What stages are called; a network with more than three refinements has further names."""


def stage_names(refinements: int, *, sharp: bool = False, coarse: bool = True) -> tuple[str, ...]:
    """The stages of a network with this many refinement modules, in order; `coarse` where it has a
    global deformation."""
    refined = (f"refine{number + 1}" for number in range(refinements))
    return ("init", *("coarse",) * coarse, *refined, *("sharp",) * sharp)


def check_stage(stage: str) -> None:
    """Refuse a name that no network has for a stage.

    Raises:
        ValueError: says what stages are called.
    """
    names = get_args(Stage)
    if stage not in (*names, *stage_names(MAX_REFINEMENTS)):
        raise ValueError(f"stage must be one of {', '.join(names)}, not {stage!r}")


def resolve_stage(stage: str, stages: Sequence[str]) -> str:
    """Which of a network's stages a name means.

    Args:
        stage: a name, or one of the authors'.
        stages: of the network, in order.

    Raises:
        InputError: this network has no such stage; says which it has.
    """
    refined = [name for name in stages if name.startswith("refine")] or stages
    authors = {"final": refined[:2][-1], "final-dml": refined[-1]}
    if stage not in stages and stage not in authors:
        raise InputError(
            f"stage {stage}: this network has {', '.join(stages)} (final is {authors['final']}, "
            f"final-dml {authors['final-dml']}); choose one of them"
        )
    return authors.get(stage, stage)


def depth_of(asked: Sequence[str], stages: Sequence[str]) -> int:
    """How many of a network's first stages are made where `asked` are wanted; all where none is.

    Args:
        asked: names as in `resolve_stage`.
        stages: of the network, in order.

    Raises:
        InputError: this network has no such stage; says which it has.
    """
    places = [stages.index(resolve_stage(stage, stages)) for stage in asked]
    return 1 + max(places, default=len(stages) - 1)
