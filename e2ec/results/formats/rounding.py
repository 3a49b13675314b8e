"""Numbers as they are written to files."""

from __future__ import annotations

import numpy as np

# Scores decide the order of detections, so they keep more digits than coordinates.
SCORE_DECIMALS = 6


def rounded(points: np.ndarray, decimals: int | None) -> np.ndarray:
    """Points (N, 2) with `decimals` digits after the point; as they are for None."""
    return points if decimals is None else np.round(points, decimals)
