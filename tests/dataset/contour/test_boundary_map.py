"""Maps of boundaries: by hand, against a slow version, without gaps."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from dataset.contour import boundary_map
from dataset.contour.boundary_map import draw_boundaries


def blobs(count: int, side: float = 64.0) -> torch.Tensor:
    """(count, 40, 2) star-shaped contours of many sizes in a square of `side` pixels."""
    rng = np.random.default_rng(0)
    angles = np.arange(40) * (2 * np.pi / 40)
    reach = rng.uniform(4, side / 3, (count, 1)) * rng.uniform(0.6, 1.0, (count, 40))
    middle = rng.uniform(0.3 * side, 0.7 * side, (count, 1, 2))
    points = middle + reach[..., None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return torch.from_numpy(points.clip(0, side)).float()


def test_two_images_by_hand() -> None:
    """Four pixels a cell. A rectangle from cell (0, 0) to (3, 2); a triangle with corners in the
    cells (3, 0), (3, 3) and (0, 3), the last two beyond the image's edge by nothing."""
    contours = torch.tensor(
        [
            [[2.0, 2.0], [14.0, 2.0], [14.0, 10.0], [2.0, 10.0]],
            [[14.0, 1.0], [16.0, 16.0], [1.0, 14.0], [1.0, 14.0]],
        ]
    )
    maps = draw_boundaries(contours, torch.tensor([0, 1]), 2, (4, 4), 4)
    assert maps.dtype == torch.float32
    assert maps[0, 0].tolist() == [[1, 1, 1, 1], [1, 0, 0, 1], [1, 1, 1, 1], [0, 0, 0, 0]]
    # Along the diagonal, from (0.25, 3.5) in steps of (0.8125, -0.8125): the cells (1, 2), (1, 1)
    # -> (1.06, 2.69), (1.88, 1.88), (2.69, 1.06).
    assert maps[1, 0].tolist() == [[0, 0, 0, 1], [0, 1, 1, 1], [0, 1, 0, 1], [1, 1, 1, 1]]


@pytest.mark.parametrize("table", [1, 1000, 2**20])
def test_every_edge_is_walked(table: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In as many steps as the map is wide, an edge after the other; however many at a time."""
    monkeypatch.setattr(boundary_map, "TABLE", table)
    contours, image_index = blobs(6), torch.tensor([0, 0, 1, 1, 1, 3])
    expected = np.zeros((4, 1, 16, 16), np.float32)
    for image, points in zip(image_index.tolist(), contours.numpy() / 4, strict=True):
        for start, stop in zip(points, np.roll(points, -1, axis=0), strict=True):
            for step in range(16):
                x, y = (start + np.float32(step / 16) * (stop - start)).astype(int).clip(0, 15)
                expected[image, 0, y, x] = 1
    found = draw_boundaries(contours, image_index, 4, (16, 16), 4)
    assert np.array_equal(found.numpy(), expected)
    assert found[2].sum() == 0


def test_boundaries_have_no_gaps() -> None:
    """Long edges too: from outside, going up, down and sideways, nothing inside is reached."""
    square = torch.tensor([[[9.0, 5.0], [120.0, 37.0], [101.0, 118.0], [20.0, 90.0]]])
    for contours, side in ((square, 32), (blobs(1, 256.0), 64)):
        (drawn,) = draw_boundaries(contours, torch.tensor([0]), 1, (side, side), 4)[0].numpy()
        free = np.pad((drawn == 0).astype(np.uint8), 1, constant_values=1)
        count, regions = cv2.connectedComponents(free, connectivity=4)
        middle = (contours[0].mean(0) / 4).long() + 1
        assert count >= 3
        assert regions[middle[1], middle[0]] not in (0, regions[0, 0])


def test_no_contours_give_empty_maps() -> None:
    empty = torch.zeros(0, 8, 2)
    maps = draw_boundaries(empty, torch.zeros(0, dtype=torch.long), 3, (4, 6), 4)
    assert maps.shape == (3, 1, 4, 6) and maps.sum() == 0
