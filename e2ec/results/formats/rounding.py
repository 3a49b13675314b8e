"""Numbers as they are written to files."""

from __future__ import annotations

import numpy as np

# Scores decide the order of detections, so they keep more digits than coordinates.
SCORE_DECIMALS = 6


def rounded_ring(points: np.ndarray, decimals: int | None) -> list[list[float]]:
    """A polygon (N, 2) as a list of [x, y] with `decimals` digits after the point, or all."""
    return (points if decimals is None else np.round(points, decimals)).tolist()


def rounded_numbers(values: np.ndarray, decimals: int) -> list[float]:
    """An array of any shape as a flat list of numbers with `decimals` digits after the point."""
    return np.round(np.asarray(values, np.float64), decimals).ravel().tolist()


def rounded_score(score: float) -> float:
    """A score as it is written to a file."""
    return round(float(score), SCORE_DECIMALS)
