"""`--contour-filter` and `--contour-smoothing`: what a model does to its contours, changed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from e2ec.config import ContourSmoothing
from e2ec.engine.predict.predictor import Predictor
from lib.errors import InputError

_OPTIONS = {"contour_filter": "--contour-filter", "contour_smoothing": "--contour-smoothing"}


def change_mending(
    model: Predictor, *, contour_filter: bool | None, contour_smoothing: ContourSmoothing | None
) -> None:
    """Change what is given; None keeps the weights' own.

    Args:
        model: its card is replaced.
        contour_filter, contour_smoothing: as in `e2ec.config.EvalConfig`.

    Raises:
        InputError: the model has no contours to mend.
    """
    given = {"contour_filter": contour_filter, "contour_smoothing": contour_smoothing}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    for name in changes:
        if not hasattr(model.card, name):
            raise InputError(
                f"{_OPTIONS[name]}: mends the contours of E2EC, and these weights are of the "
                f"family {model.family.name}; leave it out"
            )
    if changes:
        model.card = replace(model.card, **changes)
