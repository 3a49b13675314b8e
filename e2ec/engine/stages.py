"""The names of the contour stages (paper table 1d; 'final' and 'final-dml' are the authors')."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from e2ec.config import Stage

T = TypeVar("T")


def select_stage(contours: Sequence[T], stage: Stage) -> T:
    """One of the network's stages: initial, coarse, after each refinement module.

    init and coarse are the first two; final is the contour after the second refinement module (the
    last one where there are fewer), final-dml the last contour.

    Raises:
        ValueError: there is no such stage.
    """
    last = len(contours) - 1
    index = {"init": 0, "coarse": min(1, last), "final": min(3, last), "final-dml": last}
    if stage not in index:
        raise ValueError(f"stage must be one of {', '.join(index)}, not {stage!r}")
    return contours[index[stage]]
