"""Predictions of one image in several views, made one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from e2ec.results.contours import Contours
from e2ec.results.postprocess.merge_views import align, merge_views

SQUARE = np.array([[0.0, 10.0], [10.0, 10.0], [10.0, 0.0], [0.0, 0.0]])


def found(*instances: tuple[Sequence[np.ndarray] | np.ndarray, float, int]) -> Contours:
    """Of outlines (or lists of parts), scores and classes."""
    parts = [list(p) if isinstance(p, (list, tuple)) else [p] for p, _, _ in instances]
    return Contours(
        height=200,
        width=300,
        class_names=("a", "b"),
        labels=np.array([label for *_, label in instances], np.int64),
        scores=np.array([score for _, score, _ in instances], np.float64),
        parts=parts,
        source="x.png",
    )


def right(contour: np.ndarray, by: float) -> np.ndarray:
    return contour + np.array([by, 0.0])


def blob(seed: int, vertices: int = 32) -> np.ndarray:
    rng = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    radius = 15 * (1 + 0.3 * np.sin(angle + rng.uniform(0, 6)) + 0.1 * rng.random(vertices))
    return rng.uniform(20, 180, 2) + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)


def test_two_views_by_hand() -> None:
    """A square and one 4 pixels to the right: IoU 60/140 < 0.5 at 4 pixels, 80/120 at 2."""
    first = found((SQUARE, 0.9, 0))
    near, far = right(SQUARE, 2.0), right(SQUARE, 4.0)
    merged = merge_views([first, found((np.roll(near, 3, axis=0), 0.3, 0))])
    # (0.9 * 0 + 0.3 * 2) / 1.2 = 0.5 pixels to the right; the score is (0.9 + 0.3) / 2.
    assert merged.scores.tolist() == pytest.approx([0.6])
    assert np.allclose(merged.parts[0][0], right(SQUARE, 0.5))
    assert (merged.height, merged.width, merged.source) == (200, 300, "x.png")
    # What only one view sees counts half.
    apart = merge_views([first, found((far, 0.3, 0))])
    assert apart.scores.tolist() == pytest.approx([0.45, 0.15])
    assert [len(own) for own in apart.parts] == [1, 1]
    assert np.array_equal(apart.parts[1][0], far)
    other_class = merge_views([first, found((SQUARE, 0.3, 1))])
    assert other_class.labels.tolist() == [0, 1]


def test_equal_predictions_give_themselves() -> None:
    one = found(*((blob(k), 0.9 - 0.1 * k, k % 2) for k in range(6)))
    for count in (1, 2, 4):
        merged = merge_views([one] * count)
        assert merged.scores == pytest.approx(one.scores)
        assert merged.labels.tolist() == one.labels.tolist()
        for mine, other in zip(merged.parts, one.parts, strict=True):
            assert np.allclose(mine[0], other[0], atol=1e-9)


def test_the_order_of_the_views_changes_nothing() -> None:
    """Scores that differ, some instances in one view alone."""
    rng = np.random.default_rng(0)
    views = [
        found(*((blob(k) + rng.normal(0, 1, 2), rng.uniform(0.1, 1), 0) for k in range(v, 6 + v)))
        for v in range(3)
    ]
    merged, turned = merge_views(views), merge_views(views[::-1])
    assert 8 == len(merged) == len(turned)
    assert merged.scores == pytest.approx(turned.scores)
    for mine, other in zip(merged.parts, turned.parts, strict=True):
        assert np.allclose(mine[0], other[0], atol=1e-9)


def test_one_instance_takes_one_of_every_view() -> None:
    """Doubles in one view stay two, and the second one matches nobody."""
    double = found((SQUARE, 0.8, 0), (right(SQUARE, 1.0), 0.6, 0))
    merged = merge_views([double, found((SQUARE, 0.4, 0))])
    assert merged.scores.tolist() == pytest.approx([0.6, 0.3])


def test_several_parts_are_those_of_the_best() -> None:
    two = [SQUARE, right(SQUARE, 20.0)]
    moved = [right(part, 1.0) for part in two]
    merged = merge_views([found((two, 0.8, 0)), found((moved, 0.4, 0))])
    assert merged.scores.tolist() == pytest.approx([0.6])
    assert all(np.array_equal(a, b) for a, b in zip(merged.parts[0], two, strict=True))
    # One part beside several: the best, here the whole square, is not mixed with them.
    merged = merge_views([found((SQUARE, 0.8, 0)), found(([SQUARE * 0.9, SQUARE + 30], 0.4, 0))])
    assert np.array_equal(merged.parts[0][0], SQUARE)


def test_scores_are_cut_after_merging() -> None:
    views = [found((blob(0), 0.9, 0), (blob(1), 0.5, 0)), found((blob(0), 0.7, 0))]
    assert merge_views(views).scores.tolist() == pytest.approx([0.8, 0.25])
    assert merge_views(views, min_score=0.3).scores.tolist() == pytest.approx([0.8])
    assert merge_views(views, max_instances=1).scores.tolist() == pytest.approx([0.8])
    assert len(merge_views([found(), found()])) == 0
    assert merge_views([found(), found((SQUARE, 0.0, 0)), found((SQUARE, 0.0, 0))]).scores == [0.0]


def test_a_contour_that_crosses_itself_is_merged_too() -> None:
    bow = np.array([[0.0, 0.0], [10.0, 10.0], [10.0, 0.0], [0.0, 10.0]])
    merged = merge_views([found((bow, 0.6, 0)), found((np.roll(bow, 1, axis=0), 0.2, 0))])
    assert merged.scores.tolist() == pytest.approx([0.4]) and np.allclose(merged.parts[0][0], bow)


def test_alignment_is_the_best_of_all_rolls() -> None:
    for seed in range(5):
        reference, contour = blob(seed), blob(seed) + np.random.default_rng(seed).normal(0, 2, 2)
        turned = np.roll(contour, seed * 7, axis=0)
        rolls = [np.roll(turned, k, axis=0) for k in range(len(turned))]
        best = min(rolls, key=lambda one: ((one - reference) ** 2).sum())
        assert np.array_equal(align(turned, reference), best)


def test_views_of_different_images_are_refused() -> None:
    one = found((SQUARE, 0.8, 0))
    for views in ([], [one, replace(one, width=301)], [one, replace(one, class_names=("a", "c"))]):
        with pytest.raises(ValueError, match="view"):
            merge_views(views)
