"""Labels that are lost and detections that are false, and why: from overlaps of masks alone.

Microscopists count TP / (TP + FP + FN) of an image: of pairs of a detection and a label, each in
one pair at most, with at least some IoU; of detections and of labels without a pair. An image
without either counts as 1. Classes are not told apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask
from scipy.optimize import linear_sum_assignment

CAUSES: dict[str, str] = {
    "merged": "a detection covers half of it, and half of another label",
    "split": "several detections lie in it, and cover half of it together",
    "score": "a detection fits, and its score is below the threshold",
    "contour": "the best detection, whatever its score, has an IoU from 0.3",
    "nothing": "none of that",
}
"""Why a label is lost, in the order in which causes are looked for."""
KINDS: dict[str, str] = {
    "merged": "covers half of several labels",
    "double": "fits a label that another detection has",
    "contour": "has an IoU from 0.3 with a lost label",
    "piece": "half of it or more lies in one label",
    "beside": "touches labels",
    "background": "touches no label",
}
"""What a false detection is, in the order in which kinds are looked for."""
NEAR = 0.3
"""IoU from which a detection is one of that label, with a poor contour."""
HALF = 0.5
_PART = 0.1


@dataclass(frozen=True, eq=False)
class Overlaps:
    """What n detections and m labels of one image have in common.

    Attributes:
        scores: (n,) float64.
        found_areas, label_areas: (n,), (m,) float64, pixels.
        common: (n, m) float64, pixels that are in both.
    """

    scores: np.ndarray
    found_areas: np.ndarray
    label_areas: np.ndarray
    common: np.ndarray

    @cached_property
    def iou(self) -> np.ndarray:
        """(n, m) float64."""
        union = self.found_areas[:, None] + self.label_areas - self.common
        return self.common / np.maximum(union, 1)

    @property
    def covered(self) -> np.ndarray:
        """(n, m): the part of the label that a detection covers."""
        return self.common / np.maximum(self.label_areas, 1)

    @property
    def inside(self) -> np.ndarray:
        """(n, m): the part of the detection that lies in a label."""
        return self.common / np.maximum(self.found_areas, 1)[:, None]


@dataclass(frozen=True)
class Counts:
    """Pairs, false detections and lost labels of an image."""

    right: int
    false: int
    lost: int

    @property
    def score(self) -> float:
        """TP / (TP + FP + FN); 1 where there is nothing."""
        total = self.right + self.false + self.lost
        return self.right / total if total else 1.0


def overlaps(found: Sequence[Mapping[str, Any]], labels: Sequence[Mapping[str, Any]]) -> Overlaps:
    """Overlaps of detections and labels whose `segmentation` is compressed run lengths.

    Args:
        found: with `score`.
        labels: crowd regions left out.
    """
    ours = [one["segmentation"] for one in found]
    theirs = [one["segmentation"] for one in labels]
    areas = [np.array([coco_mask.area(m) for m in some], np.float64) for some in (ours, theirs)]
    common = np.zeros((len(ours), len(theirs)))
    if ours and theirs:
        # Of a crowd region the tools divide what is common by the detection's area.
        common = np.rint(coco_mask.iou(ours, theirs, [1] * len(theirs)) * areas[0][:, None])
    scores = np.array([one["score"] for one in found], np.float64)
    return Overlaps(scores, areas[0], areas[1], common)


def pairs(iou: np.ndarray, smallest: float) -> tuple[np.ndarray, np.ndarray]:
    """As many pairs as can be, each with at least an IoU; of equally many the best overlapping.

    Returns:
        Indices (k,) of detections and (k,) of labels.
    """
    fits = iou >= smallest
    # All IoUs together weigh less than one pair more.
    gain = fits * (1 + iou / (2 * max(1, min(iou.shape))))
    rows, columns = linear_sum_assignment(gain, maximize=True)
    chosen = fits[rows, columns]
    return rows[chosen], columns[chosen]


def count(found: Overlaps, threshold: float, smallest: float) -> Counts:
    """Counts of an image at a score threshold and an IoU."""
    kept = found.scores >= threshold
    right = len(pairs(found.iou[kept], smallest)[0])
    return Counts(right, int(kept.sum()) - right, found.iou.shape[1] - right)


def lost_labels(found: Overlaps, threshold: float, smallest: float) -> list[str | None]:
    """Of every label its cause, of `CAUSES`; None where it is found."""
    kept = found.scores >= threshold
    has = np.zeros(found.iou.shape[1], bool)
    has[pairs(found.iou[kept], smallest)[1]] = True
    return [
        None if has[label] else _cause(found, kept, label, smallest) for label in range(len(has))
    ]


def _cause(found: Overlaps, kept: np.ndarray, label: int, smallest: float) -> str:
    covered, inside, iou = found.covered[kept], found.inside[kept], found.iou[:, label]
    several = (covered >= HALF).sum(axis=1) > 1
    if (several & (covered[:, label] >= HALF)).any():
        return "merged"
    pieces = (inside[:, label] >= HALF) & (covered[:, label] >= _PART)
    if pieces.sum() > 1 and covered[pieces, label].sum() >= HALF:
        return "split"
    if (iou[~kept] >= smallest).any():
        return "score"
    return "contour" if (iou >= NEAR).any() else "nothing"


def false_detections(found: Overlaps, threshold: float, smallest: float) -> list[str | None]:
    """Of every detection its kind, of `KINDS`; None where it has a label, or too low a score."""
    kept = np.flatnonzero(found.scores >= threshold)
    rows, columns = pairs(found.iou[kept], smallest)
    lost = np.ones(found.iou.shape[1], bool)
    lost[columns] = False
    kinds: list[str | None] = [None] * len(found.scores)
    for one in np.delete(kept, rows):
        kinds[one] = _kind(found, int(one), lost, smallest)
    return kinds


def _kind(found: Overlaps, one: int, lost: np.ndarray, smallest: float) -> str:
    iou = found.iou[one]
    if (found.covered[one] >= HALF).sum() > 1:
        return "merged"
    if (iou >= smallest).any():
        return "double"
    if (iou[lost] >= NEAR).any():
        return "contour"
    if (found.inside[one] >= HALF).any():
        return "piece"
    return "beside" if found.common[one].any() else "background"


def best_threshold(
    images: Sequence[Overlaps], thresholds: Sequence[float], smallest: float
) -> tuple[float, float]:
    """The score threshold with the highest mean over images, of equals the lowest; and that mean.

    Raises:
        ValueError: there is no image, or no threshold.
    """
    if not images or not thresholds:
        raise ValueError("a threshold is chosen on one image at least, among one at least")
    means = [float(np.mean([count(i, t, smallest).score for i in images])) for t in thresholds]
    best = int(np.argmax(means))
    return thresholds[best], means[best]
