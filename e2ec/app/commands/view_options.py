"""`--view`, `--view-size` and `--zoom`: fields of the view, changed one by one."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from e2ec.engine.predict.predictor import Predictor
from e2ec.engine.weights.describe import describe_view, size_matters
from lib.errors import InputError

_OPTIONS = {"mode": "--view", "size": "--view-size", "zoom": "--zoom"}


def change_view(
    model: Predictor, *, mode: str | None, size: tuple[int, int] | None, zoom: float | None
) -> str | None:
    """Change what is given of the view of a model.

    Args:
        model: its card is replaced.
        mode: as of `TestView`; None keeps the weights' own, as it does for the others.
        size: height, width of the input.
        zoom: enlargement.

    Returns:
        One line that says which view is used; None where nothing was given.

    Raises:
        InputError: there is no such view, the size would be without effect, or the view exceeds the
            limits of a weights file; the options are named.
    """
    given = {"mode": mode, "size": size, "zoom": zoom}
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if not changes:
        return None
    words = [f"{_OPTIONS[name]} {value}" for name, value in changes.items()]
    named = re.sub("[(),]", "", " ".join(words))  # of a size
    before = model.card.view
    try:
        view = replace(before, **changes)
        model.card = replace(model.card, view=view)
    except ValueError as error:
        hint = "; give --view-size HEIGHT WIDTH" if "needs a size" in str(error) else ""
        raise InputError(f"{named}: {error}{hint}") from error
    if size is not None and not size_matters(view):
        raise InputError(
            f"{named}: the view {view.mode!r} takes its size from the image; leave out "
            "--view-size, or give --view letterbox"
        )
    return f"view: {describe_view(view)}; the weights' own is {describe_view(before)}"
