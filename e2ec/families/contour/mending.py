"""Jagged contours mended as a card says.

The filter goes through the stages in order: what has become jagged falls back to what is left of
the stage before, which may itself have fallen back; it leaves the stage sharp alone, which has
vertices of its own number. Smoothing comes last, on what is asked for.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from e2ec.families.contour.card import ContourCard
from e2ec.results.postprocess.reversal_filter import fall_back
from e2ec.results.postprocess.smooth_contours import resample, smooth


def stages_needed(asked: Sequence[str], stages: Sequence[str], card: ContourCard) -> list[str]:
    """The stages to ask the network for, in order, each once.

    Args:
        asked: those that are results.
        stages: all that have the network's own vertices, in order; a fallback needs those before.
        card: says whether there is one.
    """
    needed = set(asked)
    if card.contour_filter:
        last = max((stages.index(one) for one in asked if one in stages), default=-1)
        needed.update(stages[: last + 1])
    # Others, such as sharp, come after these.
    return [*(s for s in stages if s in needed), *(s for s in asked if s not in stages)]


def mend(
    contours: Mapping[str, np.ndarray], stages: Sequence[str], card: ContourCard
) -> dict[str, np.ndarray]:
    """The contours of every stage, mended as the card says; without settings, as they are.

    Args:
        contours: by stage (n, N, 2) float, x then y, input pixels: of `stages_needed`.
        stages: as there.
        card: says what is done.
    """
    found = dict(contours)
    how = card.contour_mending
    if card.contour_filter:
        chain = [stage for stage in stages if stage in found]
        for before, stage in itertools.pairwise(chain):
            found[stage] = fall_back(
                found[stage],
                found[before],
                factor=how.reversal_factor,
                least=how.least_reversals,
            )
    if card.contour_smoothing == "resample":
        return {stage: resample(points) for stage, points in found.items()}
    if card.contour_smoothing == "smooth":
        steps, angle = how.smoothing_steps, how.corner_angle
        return {
            stage: smooth(points, steps=steps, corner_angle=angle)
            for stage, points in found.items()
        }
    return found
