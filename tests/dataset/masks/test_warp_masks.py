"""Masks under another view, against values worked out by hand and an obvious slow version."""

from __future__ import annotations

import numpy as np

from dataset.masks.run_lengths import encode_mask
from dataset.masks.warp_masks import warp_masks

RING = np.array(
    [
        [1, 1, 1, 0],
        [1, 0, 1, 0],
        [1, 1, 1, 0],
    ],
    bool,
)


def warped(matrix: list[list[float]], result: tuple[int, int]) -> list[list[int]]:
    (mask,) = warp_masks([encode_mask(RING)], RING.shape, np.array(matrix, float), result)
    return mask.astype(int).tolist()


def test_by_hand() -> None:
    assert warped([[1, 0, 0], [0, 1, 0]], (3, 4)) == RING.astype(int).tolist()
    # One to the right and up: the left column is outside the image, the top row is cut off.
    assert warped([[1, 0, 1], [0, 1, -1]], (2, 4)) == [[0, 1, 0, 1], [0, 1, 1, 1]]
    # Half the size: pixel (0, 0) of the result has its centre at (1, 1), the corner of the hole.
    assert warped([[0.5, 0, 0], [0, 0.5, 0]], (2, 2)) == [[0, 0], [0, 0]]
    # Twice the size: every pixel becomes four.
    assert warped([[2, 0, 0], [0, 2, 0]], (6, 8)) == RING.repeat(2, 0).repeat(2, 1).tolist()
    # Mirrored, x -> 4 - x; and turned by 90 degrees, (x, y) -> (3 - y, x).
    assert warped([[-1, 0, 4], [0, 1, 0]], (3, 4)) == RING[:, ::-1].astype(int).tolist()
    assert warped([[0, -1, 3], [1, 0, 0]], (4, 3)) == np.rot90(RING, -1).astype(int).tolist()


def test_it_is_the_pixel_under_each_centre() -> None:
    rng = np.random.default_rng(0)
    masks = rng.random((3, 17, 23)) < 0.5
    matrix = rng.normal(size=(2, 3)) + np.eye(2, 3)  # no centre on an edge
    found = warp_masks([encode_mask(mask) for mask in masks], (17, 23), matrix, (20, 31))
    assert found.shape == (3, 20, 31) and found.any()
    for v in range(20):
        for u in range(31):
            x, y = np.linalg.solve(matrix[:, :2], (u + 0.5, v + 0.5) - matrix[:, 2])
            inside = 0 <= x < 23 and 0 <= y < 17
            expected = masks[:, int(y), int(x)] if inside else np.zeros(3, bool)
            assert (found[:, v, u] == expected).all()


def test_no_masks() -> None:
    assert warp_masks([], (5, 6), np.eye(2, 3), (3, 4)).shape == (0, 3, 4)
