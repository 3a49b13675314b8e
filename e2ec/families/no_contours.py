"""Settings of contours, refused by families that have none of a stage before."""

from __future__ import annotations

from e2ec.config import Config
from lib.errors import InputError


def refuse_mending(config: Config, family: str) -> None:
    """Nothing, where contours are left as they are.

    Args:
        config: the settings.
        family: the name of the one that refuses.

    Raises:
        InputError: `eval.contour_filter` or `eval.contour_smoothing` is asked for.
    """
    for name, asked in (
        ("contour_filter", config.eval.contour_filter),
        ("contour_smoothing", config.eval.contour_smoothing != "none"),
    ):
        if asked:
            raise InputError(
                f"eval.{name}: mends the contours of E2EC, and these weights are of the family "
                f"{family}; leave it out"
            )
