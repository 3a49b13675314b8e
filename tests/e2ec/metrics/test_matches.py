"""Which detection is whose: cases known by hand, and what AP says of the same scenes."""

from __future__ import annotations

from collections import Counter

import pytest
from coco_scenes import found, random_scene, truth

from e2ec.metrics.coco_inputs import prepare_inputs
from e2ec.metrics.matches import Match, match_detections
from e2ec.metrics.precision_recall import precision_recall


def test_by_hand() -> None:
    """The second box of class 1 is found by 8 of 10 columns, a second time in vain; the box of
    class 2 by a detection of class 1."""
    labels = truth(
        [(1, 1, (0, 0, 10, 10)), (1, 1, (20, 0, 10, 10)), (1, 2, (40, 0, 10, 10))], classes=2
    )
    results = [
        found(1, 1, (20, 0, 7, 10), 0.5),
        found(1, 1, (20, 0, 8, 10), 0.9),
        found(1, 1, (40, 0, 10, 10), 0.8),
        found(1, 2, (100, 0, 10, 10), 0.2),
    ]
    inputs = prepare_inputs(labels, results)
    within = match_detections(inputs)
    assert within.found == (Match(2, 2, pytest.approx(0.8)),)
    assert sorted(within.missed) == [1, 3] and sorted(within.false) == [1, 3, 4]
    across = match_detections(inputs, across_classes=True)
    assert {(m.annotation, m.detection): m.iou for m in across.found} == {
        (2, 2): pytest.approx(0.8),
        (3, 3): 1.0,
    }
    assert across.missed == (1,) and sorted(across.false) == [1, 4]
    # From a score of 0.3 on the last one is not there; an IoU of 0.9 is reached by one alone.
    assert sorted(match_detections(inputs, score=0.3).false) == [1, 3]
    strict = match_detections(inputs, iou=0.9, across_classes=True)
    assert [(m.annotation, m.detection) for m in strict.found] == [(3, 3)]


def test_boxes_where_a_mask_is_missing() -> None:
    labels = truth([(1, 1, (0, 0, 10, 10))])
    box = {"image_id": 1, "category_id": 1, "score": 0.5, "bbox": [0, 0, 10, 5]}
    inputs = prepare_inputs(labels, [box], masks=False)
    assert match_detections(inputs).found == (Match(1, 1, 0.5),)


def test_nothing_at_all() -> None:
    empty = prepare_inputs(truth([]), [])
    for across in (False, True):
        matches = match_detections(empty, across_classes=across)
        assert not (matches.found or matches.missed or matches.false)


@pytest.mark.parametrize("seed", range(3))
def test_recall_is_that_of_average_precision(seed: int) -> None:
    """Another library's matching gives the same shares, by class, crowd regions included."""
    labels, results = random_scene(seed, rle=True)
    inputs = prepare_inputs(labels, results)
    matches = match_detections(inputs)
    classes = {entry["id"]: entry["category_id"] for entry in inputs.annotations}
    hits = Counter(classes[match.annotation] for match in matches.found)
    lost = Counter(classes[annotation] for annotation in matches.missed)
    measured = precision_recall(inputs, "segm", iou_thresholds=[0.5])
    for column, category in enumerate(measured.category_ids):
        objects = hits[category] + lost[category]
        expected = hits[category] / objects if objects else -1
        assert measured.recall[0, column, 0] == pytest.approx(expected)
    assert sum(hits.values()) > 5 and matches.missed and matches.false
    # No object and no detection twice.
    assert len({match.detection for match in matches.found}) == len(matches.found)
    assert not {match.detection for match in matches.found} & set(matches.false)
