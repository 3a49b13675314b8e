"""The microscopists' score: TP / (TP + FP + FN) at an IoU, averaged over images.

The score of the Data Science Bowl 2018 (Caicedo et al., Nature Methods 2019), and the one that
Schmidt et al., "Cell detection with star-convex polygons" (MICCAI 2018), report at IoUs from 0.5 to
0.9. One score threshold decides what counts as found, and pairs are one to one: of all pairings the
one with most pairs. Where masks do not overlap there is only one at an IoU above 0.5.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from e2ec.metrics.coco import Metrics
from e2ec.metrics.image_overlaps import ImageOverlaps

MICROSCOPY_IOUS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9)


def microscopy_metrics(images: Sequence[ImageOverlaps], threshold: float) -> Metrics:
    """The score at every IoU, and their mean.

    An object is found by a detection of its class. Detections that lie in a crowd region by at
    least the IoU in question and are not matched count for nothing. Images that hold neither
    objects nor detections are left out.

    Args:
        images: from `image_overlaps`.
        threshold: lowest score of a detection that counts.

    Returns:
        "microscopy/0.50" to "microscopy/0.90", "microscopy/mean", and, at IoU 0.5 over the objects
        of all images, "microscopy/precision" and "microscopy/recall"; None where undefined.
    """
    counts = np.array([_counts(image, _kept(image, threshold)) for image in images])
    counts = counts.reshape(len(images), len(MICROSCOPY_IOUS), 3)
    values = _mean_scores(counts)
    metrics: Metrics = {
        f"microscopy/{iou:.2f}": None if values is None else float(value)
        for iou, value in zip(MICROSCOPY_IOUS, [0] * 9 if values is None else values, strict=True)
    }
    matched, false, missed = counts[:, 0].sum(0).tolist()
    return metrics | {
        "microscopy/mean": None if values is None else float(values.mean()),
        "microscopy/precision": _ratio(matched, matched + false),
        "microscopy/recall": _ratio(matched, matched + missed),
    }


def best_threshold(
    images: Sequence[ImageOverlaps], candidates: Sequence[float]
) -> tuple[float, float | None]:
    """The score threshold of the highest "microscopy/mean", and that mean; of equals the lowest.

    Chosen on the images that are reported, it flatters: choose it on others.
    """
    totals = np.zeros((len(candidates), len(images), len(MICROSCOPY_IOUS), 3))
    for column, image in enumerate(images):
        # Many thresholds keep the same detections.
        kept = [_kept(image, threshold) for threshold in candidates]
        known = {number: _counts(image, number) for number in set(kept)}
        totals[:, column] = [known[number] for number in kept]
    means = [_mean_scores(counts) for counts in totals]
    ranks = [-1.0 if mean is None else float(mean.mean()) for mean in means]
    best = max(range(len(candidates)), key=lambda number: ranks[number])
    return candidates[best], None if ranks[best] < 0 else ranks[best]


def _kept(image: ImageOverlaps, threshold: float) -> int:
    """How many detections reach the threshold; they are the first."""
    return int((image.scores >= threshold).sum())


def _counts(image: ImageOverlaps, kept: int) -> np.ndarray:
    """(IoUs, 3): true, false and missed among the first `kept` detections."""
    ious, crowd = image.ious[:kept], image.crowd[:kept]
    rows = []
    for limit in MICROSCOPY_IOUS:
        matched = np.zeros(kept, bool)
        if ious.size:
            pairs = csr_array(ious >= limit)
            matched = maximum_bipartite_matching(pairs, perm_type="column") >= 0
        false = int((~matched & (crowd < limit)).sum())
        rows.append((int(matched.sum()), false, ious.shape[1] - int(matched.sum())))
    return np.array(rows, np.float64)


def _mean_scores(counts: np.ndarray) -> np.ndarray | None:
    """(images, IoUs, 3) counts -> the score at every IoU (IoUs,); None of images without any."""
    scores = []
    for column in range(counts.shape[1]):
        own = counts[:, column]
        own = own[own.sum(1) > 0]
        if len(own) == 0:
            return None
        scores.append((own[:, 0] / own.sum(1)).mean())
    return np.array(scores)


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
