"""Merging and cutting contours, with areas worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("fastapi")

from dataset.masks.run_lengths import encode_mask
from e2ec.app.web.refusal import Refusal
from e2ec.app.web.reshape import cut, merged
from e2ec.results.contours import Contours


def square(x: float, y: float, side: float = 10.0) -> np.ndarray:
    return np.array([[x, y], [x + side, y], [x + side, y + side], [x, y + side]])


def scene(*instances: list[np.ndarray], holes: list | None = None) -> Contours:
    return Contours(
        height=60,
        width=80,
        class_names=("cell", "<b>"),
        labels=np.arange(len(instances))[::-1] % 2,
        scores=np.linspace(0.5, 0.75, len(instances)),
        parts=list(instances),
        holes=holes or (),
    )


def areas(contours: Contours) -> list[float]:
    return sorted(contours.areas().tolist())


def test_objects_that_overlap_are_united() -> None:
    given = scene([square(0, 0)], [square(5, 5)])
    one = merged(given)
    assert areas(one) == [175.0]  # 100 + 100 - 25
    assert len(one.parts[0]) == 1
    assert (one.labels[0], one.scores[0]) == (given.labels[0], given.scores[0])


def test_objects_apart_become_parts_and_keep_their_holes_and_vertices() -> None:
    given = scene([square(0, 0)], [square(30, 0)], holes=[[[square(2, 2, 3)]], [[]]])
    one = merged(given)
    assert areas(one) == [191.0]  # 100 + 100 - 9
    assert [len(part) for part in one.parts[0]] == [4, 4]
    assert (one.parts[0][0] == square(0, 0)).all()
    assert (one.holes[0][0][0] == square(2, 2, 3)).all()


def test_what_lies_in_a_hole_fills_it_as_far_as_it_goes() -> None:
    given = scene([square(0, 0, 20)], [square(0, 5, 8)], holes=[[[square(5, 5)]], [[]]])
    assert areas(merged(given)) == [324.0]  # 400 - 100, and 3 x 8 of the hole


def test_a_line_cuts_an_object_and_its_hole() -> None:
    given = scene([square(0, 0, 20)], holes=[[[square(5, 5)]]])
    pieces = cut(given, (10, -5), (10, 25))
    assert areas(pieces) == [150.0, 150.0]  # 10 x 20 - 5 x 10
    assert set(pieces.labels) == set(given.labels)
    assert pieces.scores.tolist() == [given.scores[0]] * 2


def test_parts_that_the_line_misses_stay_with_the_largest_piece() -> None:
    pieces = cut(scene([square(0, 0), square(40, 40)]), (2, -1), (2, 11))
    assert pieces.areas().tolist() == [180.0, 20.0]  # 8 x 10 + 100; 2 x 10
    assert [len(parts) for parts in pieces.parts] == [2, 1]


def test_a_mask_is_cut_along_its_outline() -> None:
    mask = np.zeros((60, 80), bool)
    mask[10:20, 10:30] = True
    given = Contours(
        height=60,
        width=80,
        class_names=("cell",),
        labels=np.zeros(1, int),
        scores=np.ones(1),
        runs=[encode_mask(mask)],
    )
    assert areas(cut(given, (15, 0), (15, 40))) == [50.0, 150.0]


@pytest.mark.parametrize("end", [(5, 5), (5, -5), (70, -5)])
def test_a_line_that_ends_inside_or_misses_is_refused(end: tuple[float, float]) -> None:
    with pytest.raises(Refusal, match="from edge to edge"):
        cut(scene([square(0, 0)]), (5, -5), end)


def test_what_cannot_be_done_is_refused() -> None:
    comb = [[2 * i, 70 * (i % 2)] for i in range(400)]
    other = np.array([[y, x] for x, y in comb], float)
    with pytest.raises(Refusal, match="nothing"):
        merged(scene())
    with pytest.raises(Refusal, match="exactly one"):
        cut(scene([square(0, 0)], [square(30, 0)]), (5, -5), (5, 25))
    with pytest.raises(Refusal, match="no area"):
        merged(scene([np.array([[0, 0], [5, 5], [9, 9]])]))
    with pytest.raises(Refusal, match="too often"):
        merged(scene([np.array(comb, float)], [other]))
