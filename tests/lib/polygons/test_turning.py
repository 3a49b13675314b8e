"""How contours turn: values worked out by hand, repeated vertices, contours that are points."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lib.polygons.turning import edge_lengths, turn_angles

SQUARE = np.array([[0, 0], [4, 0], [4, 4], [0, 4]], float)


def plain_turns(contour: np.ndarray) -> list[float]:
    """The difference of the directions of neighbouring edges, brought to (-pi, pi]."""
    count, turns = len(contour), []
    for i in range(count):
        before, after = contour[i] - contour[i - 1], contour[(i + 1) % count] - contour[i]
        turn = math.atan2(after[1], after[0]) - math.atan2(before[1], before[0])
        turns.append(math.remainder(turn, 2 * math.pi))
    return turns


def test_a_square_turns_by_a_right_angle_at_every_corner() -> None:
    """Clockwise on the screen, where y points down, is positive."""
    both = np.stack([SQUARE, SQUARE[::-1]])
    expected = np.repeat([[np.pi / 2], [-np.pi / 2]], 4, axis=1)
    np.testing.assert_allclose(turn_angles(both), expected)
    np.testing.assert_allclose(edge_lengths(both), 4)


def test_random_contours_turn_as_their_directions_say() -> None:
    contours = np.random.default_rng(0).normal(size=(5, 17, 2))
    expected = [plain_turns(contour) for contour in contours]
    np.testing.assert_allclose(turn_angles(contours), expected, atol=1e-12)


@pytest.mark.parametrize("first", range(7))
def test_repeated_vertices_turn_once(first: int) -> None:
    """At the last of them, also where the contour begins among them."""
    repeated = np.roll(SQUARE[[0, 0, 1, 2, 2, 2, 3]], -first, axis=0)
    expected = np.roll([0, 1, 1, 0, 0, 1, 1], -first) * np.pi / 2
    np.testing.assert_allclose(turn_angles(repeated[None])[0], expected)


def test_a_contour_that_is_a_point_does_not_turn() -> None:
    both = np.stack([np.full((4, 2), 3.0), SQUARE])
    np.testing.assert_allclose(turn_angles(both), [[0] * 4, [np.pi / 2] * 4])


def test_no_contours_and_none_at_all() -> None:
    assert turn_angles(np.zeros((0, 8, 2))).shape == (0, 8)
    for wrong in (SQUARE, np.zeros((1, 2, 2)), np.zeros((1, 4, 3))):
        with pytest.raises(ValueError, match=r"contours must be \(n, N, 2\)"):
            turn_angles(wrong)
