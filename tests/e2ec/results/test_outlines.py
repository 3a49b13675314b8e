"""Instances with other outlines: what stays, and in what form it comes back."""

from __future__ import annotations

import numpy as np
import pytest

from dataset.masks.run_lengths import decode_mask, encode_mask
from e2ec.results.instances import Instances
from e2ec.results.outlines import Outlines, with_outlines

SQUARE = np.array([[2.0, 2.0], [12.0, 2.0], [12.0, 12.0], [2.0, 12.0]])
HOLE = np.array([[5.0, 5.0], [8.0, 5.0], [8.0, 8.0], [5.0, 8.0]])


def masks() -> np.ndarray:
    found = np.zeros((2, 20, 30), bool)
    found[0, 2:12, 2:12] = True
    found[0, 5:8, 5:8] = False
    found[0, 15:18, 20:28] = True
    rows, columns = np.mgrid[:20, :30]
    found[1] = (columns - 14) ** 2 + (rows - 10) ** 2 < 60
    return found


def instances() -> Instances:
    """A polygon with a hole, a mask in two parts with a hole, and a round mask."""
    return Instances(
        20, 30, ("a", "b"), np.array([0, 1, 1]), np.array([0.1, 0.2, 0.3]),
        parts=[[SQUARE], [], []], holes=[[[HOLE]], [], []],
        runs=[None, *(encode_mask(mask) for mask in masks())], source="a.png",
    )  # fmt: skip


def test_what_stays_is_what_it_was() -> None:
    given = instances()
    found = with_outlines(given, lambda outlines: [list(parts) for parts in outlines])
    assert type(found) is Instances and found.source == "a.png"
    assert found.parts[0][0] is given.parts[0][0]
    for before, after in zip(given.runs[1:], found.runs[1:], strict=True):
        assert np.array_equal(before, after)


def test_outlines_are_shown_with_holes_and_without_steps() -> None:
    shown: list[Outlines] = []

    def look(outlines: Outlines) -> Outlines:
        shown.append(outlines)
        return outlines

    with_outlines(instances(), look)
    assert [[len(holes) for _, holes in parts] for parts in shown[0]] == [[1], [1, 0], [0]]
    assert np.array_equal(shown[0][1][0][0], SQUARE)
    sides = np.roll(shown[0][2][0][0], -1, axis=0) - shown[0][2][0][0]
    assert (np.abs(sides) > 0).all(axis=1).any()  # some edges are neither level nor upright


def test_a_moved_ring_of_a_mask_leaves_the_others_exactly() -> None:
    """The outer ring of the first part grows by a pixel; hole and second part keep every pixel."""

    def grow(outlines: Outlines) -> Outlines:
        (outer, holes), second = outlines[1]
        return [outlines[0], [(outer + np.sign(outer - 7.0), holes), second], outlines[2]]

    given = instances()
    found = with_outlines(given, grow)
    expected = masks()[0]
    expected[1:13, 1:13] = True
    expected[5:8, 5:8] = False
    runs = found.runs[1]
    assert runs is not None and np.array_equal(decode_mask(runs, 20, 30), expected)
    assert found.runs[2] is not None and np.array_equal(found.runs[2], given.runs[2])


def test_a_mask_of_which_nothing_is_left_stays() -> None:
    def away(outlines: Outlines) -> Outlines:
        return [[(outer + 1000, holes) for outer, holes in parts] for parts in outlines]

    given = instances()
    found = with_outlines(given, away)
    assert np.array_equal(found.runs[2], given.runs[2])  # type: ignore[arg-type]
    assert found.parts[0][0].min() > 900  # a polygon may lie outside of its image


def test_another_number_of_rings_is_a_mistake() -> None:
    with pytest.raises(ValueError):
        with_outlines(instances(), lambda outlines: [[], *outlines[1:]])
