"""Class-wise non-maximum suppression on the boxes of contours."""

from __future__ import annotations

import numpy as np


def suppress(boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray, iou: float) -> np.ndarray:
    """Indices of the boxes to keep, by falling score.

    A box goes when a better one of its class overlaps it by more than `iou`.

    Args:
        boxes: (n, 4) x0, y0, x1, y1.
        scores: (n,).
        labels: (n,) class indices.
        iou: threshold; at 1 or above nothing goes.
    """
    order = np.argsort(-scores, kind="stable")
    if iou >= 1:
        return order
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    kept: list[int] = []
    while len(order):
        best, order = int(order[0]), order[1:]
        kept.append(best)
        low = np.maximum(boxes[best, :2], boxes[order, :2])
        high = np.minimum(boxes[best, 2:], boxes[order, 2:])
        overlap = np.prod(np.clip(high - low, 0, None), axis=1)
        union = areas[best] + areas[order] - overlap
        far = overlap <= iou * np.maximum(union, 1e-12)
        order = order[far | (labels[order] != labels[best])]
    return np.array(kept, dtype=np.int64)
