"""Class-wise suppression of boxes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from e2ec.results.postprocess.nms import contour_boxes, suppress


def slow_suppress(
    boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray, iou: float
) -> np.ndarray:
    """From the best down: what is kept removes all worse boxes that overlap it too much."""
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


def assert_same(boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray, iou: float) -> None:
    found = suppress(boxes, scores, labels, iou)
    assert found.dtype.kind == "i"
    assert found.tolist() == slow_suppress(boxes, scores, labels, iou).tolist()


@pytest.mark.parametrize("iou", [0.1, 0.5, 0.7, 0.99])
@pytest.mark.parametrize("count", [1, 2, 40, 400])
def test_against_a_loop(count: int, iou: float) -> None:
    rng = np.random.default_rng(count)
    low = rng.uniform(0, 20, (count, 2))
    boxes = np.concatenate([low, low + rng.uniform(1, 20, (count, 2))], axis=1)
    assert_same(boxes, rng.random(count), rng.integers(0, 2, count), iou)


# Few places, sizes, scores and classes: ties, identical boxes, boxes without an area.
INSTANCE = st.tuples(
    *[st.integers(0, 6)] * 2, *[st.integers(0, 4)] * 2, st.integers(0, 3), st.integers(0, 1)
)


@settings(deadline=None)
@example([], 0.5, 1.0)
@example([], 1.0, 1.0)
@given(
    st.lists(INSTANCE, max_size=30),
    st.sampled_from([0.1, 1 / 3, 0.5, 2 / 3, 0.99, 1.0]),
    st.sampled_from([1.0, 0.1, 1e-7]),
)
def test_against_a_loop_with_ties(
    instances: list[tuple[int, ...]], iou: float, pixel: float
) -> None:
    numbers = np.array(instances, np.float64).reshape(-1, 6)
    low, sides, scores, labels = numbers[:, :2], numbers[:, 2:4], numbers[:, 4], numbers[:, 5]
    assert_same(np.concatenate([low, low + sides], axis=1) * pixel, scores, labels, iou)


def test_a_chain_in_which_every_other_box_goes() -> None:
    """Each box overlaps the next by a third: the longest way that the rounds have to go."""
    boxes = np.array([[i, 0, i + 2, 1.0] for i in range(50)])
    scores = -np.arange(50.0)
    assert suppress(boxes, scores, np.zeros(50), 0.3).tolist() == list(range(0, 50, 2))


def test_hand_worked() -> None:
    # 10 x 10 boxes moved by 2: overlap 80 of 120, IoU 2/3.
    boxes = np.array([[0, 0, 10, 10], [2, 0, 12, 10], [2, 0, 12, 10.0]])
    scores, labels = np.array([0.5, 0.9, 0.8]), np.array([0, 0, 1])
    assert suppress(boxes, scores, labels, 0.6).tolist() == [1, 2]  # another class stays
    assert suppress(boxes, scores, labels, 0.7).tolist() == [1, 2, 0]


@pytest.mark.parametrize("count", [0, 1, 7])
def test_boxes_of_contours(count: int) -> None:
    points = np.random.default_rng(0).normal(size=(count, 5, 2))
    expected = np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)
    assert np.array_equal(contour_boxes(points), expected)
