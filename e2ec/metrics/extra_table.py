"""What metrics beside average precision read like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from e2ec.metrics.microscopy import MICROSCOPY_IOUS
from e2ec.metrics.table import aligned, percent


def format_extra(metrics: Mapping[str, float | None], bins: Sequence[Mapping[str, Any]]) -> str:
    """Tables of those that are there; shares in percent, distances in pixels.

    Args:
        metrics: from `microscopy_metrics`, `panoptic_metrics`, `boundary_distances` (behind
            "distances/") and `calibration`.
        bins: of `calibration`.
    """
    tables = [*_rows(metrics, "microscopy", _microscopy), *_rows(metrics, "panoptic", _plain)]
    own = {k.partition("/")[2]: v for k, v in metrics.items() if k.startswith("distances/")}
    if own:
        cells = [_distance(name, value) for name, value in own.items()]
        tables.append(aligned([["", *own], ["distances", *cells]]))
    tables += _rows(metrics, "calibration", _plain)
    if bins:
        rows = [
            [
                f"{row['from']:.1f} to {row['to']:.1f}",
                f"{row['detections']:,}",
                percent(row["mean_score"]),
                percent(row["right"]),
            ]
            for row in bins
        ]
        tables.append(aligned([["score", "detections", "mean score", "right"], *rows]))
    return "\n\n".join(tables)


def _distance(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if name == "pairs" else f"{value:.2f}"


def _rows(metrics: Mapping[str, float | None], kind: str, columns: Any) -> list[str]:
    own = {k.partition("/")[2]: v for k, v in metrics.items() if k.startswith(f"{kind}/")}
    if not own:
        return []
    names = columns(own)
    return [aligned([["", *names], [kind, *(percent(own[key]) for key in names.values())]])]


def _microscopy(own: Mapping[str, float | None]) -> dict[str, str]:
    """Column heads, each with the metric's name."""
    heads = {f"IoU {iou:g}": f"{iou:.2f}" for iou in MICROSCOPY_IOUS}
    return heads | {name: name for name in own if name not in heads.values()}


def _plain(own: Mapping[str, float | None]) -> dict[str, str]:
    return {name: name for name in own}
