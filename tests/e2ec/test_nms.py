"""Class-wise suppression of boxes."""

from __future__ import annotations

import numpy as np
import pytest

from e2ec.results.nms import suppress


def slow_suppress(
    boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray, iou: float
) -> list[int]:
    """From the best down: kept unless a kept box of its class overlaps too much."""
    kept: list[int] = []
    for i in sorted(range(len(scores)), key=lambda k: -scores[k]):
        good = True
        for j in kept:
            width = min(boxes[i][2], boxes[j][2]) - max(boxes[i][0], boxes[j][0])
            height = min(boxes[i][3], boxes[j][3]) - max(boxes[i][1], boxes[j][1])
            overlap = max(width, 0) * max(height, 0)
            sizes = [(b[2] - b[0]) * (b[3] - b[1]) for b in (boxes[i], boxes[j])]
            if labels[i] == labels[j] and overlap > iou * (sum(sizes) - overlap):
                good = False
        if good:
            kept.append(i)
    return kept


@pytest.mark.parametrize("iou", [0.1, 0.5, 0.7, 0.99])
@pytest.mark.parametrize("seed", range(5))
def test_against_a_loop(seed: int, iou: float) -> None:
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 20, (40, 2))
    boxes = np.concatenate([low, low + rng.uniform(1, 20, (40, 2))], axis=1)
    scores, labels = rng.random(40), rng.integers(0, 2, 40)
    assert suppress(boxes, scores, labels, iou).tolist() == slow_suppress(
        boxes, scores, labels, iou
    )


def test_hand_worked() -> None:
    # 10 x 10 boxes moved by 2: overlap 80 of 120, IoU 2/3.
    boxes = np.array([[0, 0, 10, 10], [2, 0, 12, 10], [2, 0, 12, 10.0]])
    scores, labels = np.array([0.5, 0.9, 0.8]), np.array([0, 0, 1])
    assert suppress(boxes, scores, labels, 0.6).tolist() == [1, 2]  # another class stays
    assert suppress(boxes, scores, labels, 0.7).tolist() == [1, 2, 0]


def test_at_one_nothing_goes_and_equal_scores_keep_their_order() -> None:
    boxes = np.zeros((3, 4))
    assert suppress(boxes, np.array([0.5, 0.7, 0.5]), np.zeros(3), 1.0).tolist() == [1, 0, 2]


@pytest.mark.parametrize("iou", [0.5, 1.0])
def test_no_boxes(iou: float) -> None:
    kept = suppress(np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int64), iou)
    assert kept.shape == (0,) and np.issubdtype(kept.dtype, np.integer)
