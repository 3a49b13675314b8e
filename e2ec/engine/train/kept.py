"""Which of a run's evaluated weights stay as weights.safetensors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

Keep = Literal["best", "last"]


def rank(metrics: Mapping[str, Any], metric: str) -> float:
    """What evaluations are ordered by: the main metric, -1 where it is undefined."""
    value = metrics.get(metric)
    return -1.0 if value is None or math.isnan(value) else float(value)


def described(entry: Mapping[str, Any], metric: str, keep: Keep) -> dict[str, Any]:
    """What is said of kept weights.

    Args:
        entry: of the history: "epoch" from 1, and its "metrics".
        metric: name of the main metric.
        keep: `train.keep`, by which they were kept.

    Returns:
        "which" (`keep`), "epoch", and the metric under its name.
    """
    return {"which": keep, "epoch": entry["epoch"], metric: entry["metrics"].get(metric)}


def kept_evaluation(
    history: Sequence[Mapping[str, Any]], metric: str, keep: Keep
) -> dict[str, Any] | None:
    """What weights.safetensors is of in a run that has always kept the same; None before the first
    evaluation. Training states from before it was noted are read by this.

    Args:
        history: one entry an epoch, with "epoch" from 1, and "metrics" where evaluated.
        metric: name of the main metric.
        keep: `train.keep`; of equally good ones the first is the best.
    """
    evaluated = [entry for entry in history if "metrics" in entry]
    if not evaluated:
        return None
    entry = evaluated[-1]
    if keep == "best":
        entry = max(evaluated, key=lambda one: rank(one["metrics"], metric))
    return described(entry, metric, keep)
