"""Grouping of parts: worked by hand, against a slow version, and what must never happen."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from e2ec.results.postprocess.grouping import group_parts


def square(x: float, y: float, side: float = 10.0) -> np.ndarray:
    return np.array([[x, y], [x + side, y], [x + side, y + side], [x, y + side]])


def groups(
    parts: list[np.ndarray],
    votes: list[tuple[float, float]] | np.ndarray,
    scores: list[float] | np.ndarray | None = None,
    labels: list[int] | np.ndarray | None = None,
    **options: float,
) -> list[list[int]]:
    found = group_parts(
        parts,
        np.array(votes, np.float64).reshape(-1, 2),
        np.linspace(0.9, 0.5, len(parts)) if scores is None else np.array(scores),
        np.zeros(len(parts), int) if labels is None else np.array(labels),
        **options,
    )
    return [group.tolist() for group in found]


def test_two_halves_and_a_whole_object() -> None:
    """A bar between x = 10 and 14 splits an object 24 wide and 10 high, with its centre at x = 12;
    the box around both halves has a diagonal of 26, so that votes may lie 0.1 * 26 = 2.6 apart."""
    parts = [square(0, 0), square(14, 0), square(40, 0)]
    assert groups(parts, [(10.7, 5), (13.2, 5), (45, 5)], agreement=0.1) == [[0, 1], [2]]
    assert groups(parts, [(10.7, 5), (13.4, 5), (45, 5)], agreement=0.1) == [[0], [1], [2]]


def test_order_is_by_falling_score_of_groups_and_of_parts_in_them() -> None:
    parts = [square(0, 0), square(40, 0), square(14, 0)]
    assert groups(parts, [(12, 5), (45, 5), (12, 5)], [0.5, 0.6, 0.8]) == [[2, 0], [1]]


def test_doubtful_parts_do_not_join_sure_ones() -> None:
    parts, votes = [square(0, 0), square(14, 0)], [(12, 5)] * 2
    assert groups(parts, votes, [0.8, 0.4]) == [[0, 1]]
    assert groups(parts, votes, [0.8, 0.39]) == [[0], [1]]
    assert groups(parts, votes, [0.2, 0.1]) == [[0, 1]]


def test_neighbours_are_not_chained() -> None:
    """Four in a row, the first three of which vote 2, 2.1 and 1.9 apart: each agrees with the next
    (2.1 of a diagonal of 26), the first with neither of the last two (4.1 of 39, 6 of 53). Two
    pairs, not one object of four."""
    parts = [square(14 * k, 0) for k in range(4)]
    votes = [(20, 5), (22, 5), (24.1, 5), (26, 5)]
    assert groups(parts, votes, agreement=0.085) == [[0, 1], [2, 3]]


def test_an_object_in_front_of_the_centre_of_another_stays_apart() -> None:
    """Concentric: equal votes, but one covers the other."""
    assert groups([square(0, 0, 30), square(10, 10)], [(15, 15)] * 2) == [[0], [1]]


def test_a_double_does_not_keep_the_halves_apart() -> None:
    """The better one of two detections of the left half is joined, the other goes."""
    parts = [square(0, 0), square(14, 0), square(0.5, 0)]
    assert groups(parts, [(12, 5), (12, 5), (12.1, 5)]) == [[0, 1]]


def test_contours_that_cross_themselves() -> None:
    bow_tie = np.array([[0.0, 0.0], [10.0, 10.0], [10.0, 0.0], [0.0, 10.0]])
    assert groups([bow_tie, square(14, 0)], [(12, 5)] * 2) == [[0, 1]]
    assert groups([bow_tie, bow_tie + 0.1], [(5, 5)] * 2) == [[0]]


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_to_group(count: int) -> None:
    assert groups([square(0, 0)] * count, [(5, 5)] * count) == [[0]] * count


def test_contours_without_extent_and_votes_without_a_number() -> None:
    point = np.zeros((4, 2))
    assert groups([point, point + 1], [(0, 0), (5, 5)]) == [[0], [1]]
    assert groups([square(0, 0), square(14, 0)], [(np.nan, 5), (12, 5)]) == [[0], [1]]


def slow_groups(
    parts: list[np.ndarray], votes: np.ndarray, scores: np.ndarray, labels: np.ndarray, limit: float
) -> list[list[int]]:
    """The definition, word by word; the parts are squares that do not overlap."""

    def disagreement(i: int, j: int) -> float:
        corners = np.concatenate([parts[i], parts[j]])
        size = np.linalg.norm(corners.max(axis=0) - corners.min(axis=0))
        doubtful = min(scores[i], scores[j]) < 0.5 * max(scores[i], scores[j])
        apart = labels[i] != labels[j] or doubtful
        return np.inf if apart else np.linalg.norm(votes[i] - votes[j]) / size

    found = [[i] for i in range(len(parts))]
    while len(found) > 1:
        worst, a, b = min(
            (max(disagreement(i, j) for i in found[a] for j in found[b]), a, b)
            for a, b in itertools.combinations(range(len(found)), 2)
        )
        if worst > limit:
            break
        found[a] += found.pop(b)
    ranked = [sorted(group, key=lambda i: -scores[i]) for group in found]
    return sorted(ranked, key=lambda group: -scores[group[0]])


def scene(seed: int) -> tuple[list[np.ndarray], np.ndarray, np.ndarray, np.ndarray]:
    """Squares on a grid that vote for a few common points, more or less exactly."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 13))
    cells = rng.choice(25, count, replace=False)
    parts = [square(12.0 * (k % 5), 12.0 * (k // 5)) for k in cells]
    goals = rng.uniform(0, 60, (3, 2))
    votes = goals[rng.integers(0, 3, count)] + rng.normal(0, rng.uniform(0, 4), (count, 2))
    return parts, votes, 0.3 + 0.7 * rng.permutation(count) / count, rng.integers(0, 2, count)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_equals_the_slow_version(seed: int) -> None:
    parts, votes, scores, labels = scene(seed)
    expected = slow_groups(parts, votes, scores, labels, 0.15)
    assert groups(parts, votes, scores, labels, agreement=0.15) == expected


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 100), st.floats(-1e4, 1e4))
@settings(max_examples=60, deadline=None)
def test_neither_order_nor_scale_nor_place_matters(seed: int, zoom: float, shift: float) -> None:
    parts, votes, scores, labels = scene(seed)
    expected = groups(parts, votes, scores, labels)
    assert sorted(itertools.chain(*expected)) == list(range(len(parts)))
    order = np.random.default_rng(seed).permutation(len(parts))
    moved = [parts[i] * zoom + shift for i in order]
    found = groups(moved, votes[order] * zoom + shift, scores[order], labels[order])
    assert [[int(order[i]) for i in group] for group in found] == expected


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_objects_in_one_piece_that_vote_for_themselves_stay_alone(seed: int) -> None:
    """Side by side, whatever their sizes: two centres are at least half a box apart."""
    rng = np.random.default_rng(seed)
    sides = rng.uniform(1, 20, 10)
    left = np.cumsum(sides) - sides
    parts = [square(x, rng.uniform(-5, 5), side) for x, side in zip(left, sides, strict=True)]
    votes = [tuple(part.mean(axis=0)) for part in parts]
    scores = rng.permutation(10) / 10
    assert groups(parts, votes, scores) == [[int(i)] for i in np.argsort(-scores)]


def test_the_weaker_of_two_detections_of_one_thing_goes() -> None:
    """IoU of the squares 10 wide, moved by 1: 90 / 110; by 4: 60 / 140, which is no double."""
    assert groups([square(0, 0), square(1, 0)], [(5, 5), (5, 5)]) == [[0]]
    assert groups([square(0, 0), square(4, 0)], [(5, 5), (5, 5)]) == [[0], [1]]
    # Their votes differ: two objects, one close behind the other.
    assert groups([square(0, 0), square(1, 0)], [(5, 5), (15, 5)]) == [[0], [1]]
