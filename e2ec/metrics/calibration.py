"""Whether scores are what they say: of detections of score 0.8, are eight in ten right?

The expected calibration error of Guo et al., "On calibration of modern neural networks" (ICML 2017,
equation 3): detections in ten bins of equal width by their score, the difference between mean score
and share of right ones of each bin, weighted by the number of its detections. A detection is right
if it is matched at an IoU of 0.5 as COCO matches: in the order of scores, each with the free object
of its class that it overlaps most; what lies in a crowd region is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from e2ec.metrics.coco import Metrics
from e2ec.metrics.image_overlaps import ImageOverlaps
from lib.errors import InputError

BINS = 10
_IOU = 0.5


def calibration(
    images: Sequence[ImageOverlaps], *, results_name: str = "results"
) -> tuple[Metrics, list[dict[str, Any]]]:
    """The calibration error, and the bins that it comes from.

    Args:
        images: from `image_overlaps`.
        results_name: the results' file, for messages.

    Returns:
        "calibration/error" (None without detections) and "calibration/overconfidence", the mean
        score less the share of right detections; and a row a bin that holds any, with "from", "to"
        (the scores; a score at the border belongs to the bin above), "detections", "mean_score" and
        "right" (a share).

    Raises:
        InputError: a score lies outside [0, 1].
    """
    scores, right = _right(images)
    if len(scores) and not (scores.min() >= 0 and scores.max() <= 1):
        raise InputError(
            f"{results_name}: scores go from {scores.min():g} to {scores.max():g}; calibration "
            "needs them in [0, 1]; leave it out of --eval.extra-metrics"
        )
    if len(scores) == 0:
        return {"calibration/error": None, "calibration/overconfidence": None}, []
    bins = np.minimum((scores * BINS).astype(int), BINS - 1)
    rows = []
    error = 0.0
    for number in np.unique(bins).tolist():
        own = bins == number
        mean, share = float(scores[own].mean()), float(right[own].mean())
        error += abs(mean - share) * own.sum() / len(scores)
        edges = {"from": number / BINS, "to": (number + 1) / BINS}
        rows.append({**edges, "detections": int(own.sum()), "mean_score": mean, "right": share})
    over = float(scores.mean() - right.mean())
    return {"calibration/error": float(error), "calibration/overconfidence": over}, rows


def _right(images: Sequence[ImageOverlaps]) -> tuple[np.ndarray, np.ndarray]:
    """Scores (n,) of all detections that are not left out, and whether each is right (n,) bool."""
    scores: list[np.ndarray] = [np.zeros(0)]
    right: list[np.ndarray] = [np.zeros(0, bool)]
    for image in images:
        free = np.ones(image.ious.shape[1], bool)
        matched = np.zeros(len(image.scores), bool)
        for number, ious in enumerate(image.ious):
            ious = np.where(free, ious, 0.0)
            if len(ious) and ious.max() >= _IOU:
                matched[number] = True
                free[ious.argmax()] = False
        counts = matched | (image.crowd < _IOU)
        scores.append(image.scores[counts])
        right.append(matched[counts])
    return np.concatenate(scores), np.concatenate(right)
