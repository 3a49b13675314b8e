"""Boxes of contours, and class-wise non-maximum suppression on them."""

from __future__ import annotations

import numpy as np


def contour_boxes(points: np.ndarray) -> np.ndarray:
    """(n, 4) x0, y0, x1, y1 around contours (n, N, 2), x then y."""
    xy = np.ascontiguousarray(points.transpose(2, 0, 1))  # NumPy is slow along a middle axis
    return np.concatenate([xy.min(axis=2), xy.max(axis=2)]).T


def suppress(boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray, iou: float) -> np.ndarray:
    """Indices of the boxes to keep, by falling score.

    A box is dropped if a better box of its class, itself kept, overlaps it by more than `iou`.

    Args:
        boxes: (n, 4) x0, y0, x1, y1.
        scores: (n,).
        labels: (n,) class indices.
        iou: threshold; at 1 or above nothing is dropped.
    """
    order = np.argsort(-scores, kind="stable")
    if iou >= 1:
        return order
    better, worse = _rivals(boxes[order], labels[order], iou)
    # Whether a box stays follows from the better ones alone. From all staying, each round settles
    # at least those whose rivals are settled, so it ends when nothing changes: after as many
    # rounds as the longest chain of rivals has members.
    stays = np.ones(len(order), bool)
    while True:
        gone = worse[stays[better]]
        before, stays = stays, np.ones(len(order), bool)
        stays[gone] = False
        if np.array_equal(stays, before):
            return order[stays]


def _rivals(boxes: np.ndarray, labels: np.ndarray, iou: float) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of one class that overlap by more than `iou`: positions of the former, the latter."""
    low, high = boxes[:, :2], boxes[:, 2:]
    near = np.triu(np.equal.outer(labels, labels), 1)
    for axis in (0, 1):  # most pairs lie apart: those that touch are measured
        reaches = np.greater.outer(high[:, axis], low[:, axis])
        near &= reaches
        near &= reaches.T
    i, j = np.nonzero(near)
    areas = np.multiply(*(high - low).T)
    sides = np.minimum(high[i], high[j]) - np.maximum(low[i], low[j])
    overlap = np.multiply(*sides.T)
    too_near = overlap > iou * np.maximum(areas[i] + areas[j] - overlap, 1e-12)
    return i[too_near], j[too_near]
