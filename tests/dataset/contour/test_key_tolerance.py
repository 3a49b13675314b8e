"""Key vertices whose tolerance follows the size of the object."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from dataset.contour.key_tolerance import key_tolerances, label_keys
from dataset.contour.target_settings import TargetSettings
from lib.ops import key_vertices
from lib.polygons.geometry import area, simplify_closed


def wavy(radius: float, vertices: int = 64) -> np.ndarray:
    """(1, vertices, 2), a circle far from the origin with five waves of a fifth of its radius."""
    angles = np.arange(vertices) * (2 * np.pi / vertices)
    reach = radius * (1 + 0.2 * np.sin(5 * angles))
    points = 300 + reach * np.array([np.cos(angles), np.sin(angles)])
    return np.ascontiguousarray(points.T)[None].astype(np.float32)


def test_tolerances_by_hand() -> None:
    """A square of 10 x 10 pixels, a rectangle of 40 x 10, and one of 200 x 200: 0.1 of the root of
    the area is 1, 2 and 20, and the setting's 12 is the most."""
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1.0]])
    contours = np.stack([7 + corners * size for size in ((10, 10), (40, 10), (200, 200))])
    targets = TargetSettings(key_tolerance_share=0.1)
    assert_allclose(key_tolerances(contours, targets), [1, 2, 12])
    assert_allclose(key_tolerances(contours[:, ::-1], targets), [1, 2, 12])  # walked the other way


def test_small_objects_have_as_many_keys_as_large_ones_of_their_form() -> None:
    """By the share alone: a circle with waves of 5 to 160 pixels. At 12 pixels the small one has
    vertex 0 and little else."""
    sizes = [wavy(radius) for radius in (5, 20, 160)]
    fixed = [int(label_keys(one, TargetSettings()).sum()) for one in sizes]
    sized = TargetSettings(key_tolerance=1000.0, key_tolerance_share=0.05)
    following = [label_keys(one, sized) for one in sizes]
    assert fixed[0] <= 3 and fixed[0] < fixed[2]
    assert following[0].sum() >= 10
    assert all((one == following[0]).all() for one in following)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.3])
def test_a_contour_at_a_time_gives_the_same(share: float) -> None:
    """Simplified one by one with the tolerance of each, worked out anew."""
    contours = np.concatenate([wavy(radius) for radius in (4, 15, 50, 200)])
    targets = TargetSettings(key_tolerance_share=share)
    found = label_keys(contours, targets)
    for points, kept in zip(contours.astype(np.float64), found, strict=True):
        tolerance = min(12.0, share * area(points) ** 0.5)
        assert_array_equal(kept, simplify_closed(points, tolerance))
    assert found[:, 0].all()


def test_without_a_share_nothing_changes_and_degenerate_labels_pass() -> None:
    contours = np.concatenate([wavy(4), wavy(90)])
    assert_array_equal(label_keys(contours, TargetSettings()), key_vertices(contours, 12.0))
    flat = np.zeros((2, 8, 2), np.float32)
    flat[1, :, 0] = [0, 1, 2, 3, 4, 3, 2, 1]
    keys = label_keys(flat, TargetSettings(key_tolerance_share=0.1))
    assert keys.shape == (2, 8) and keys[:, 0].all() and keys[1, 4]
    empty = np.zeros((0, 8, 2), np.float32)
    assert label_keys(empty, TargetSettings(key_tolerance_share=0.1)).shape == (0, 8)


@pytest.mark.parametrize(
    "options", [{"key_tolerance_share": -0.1}, {"key_tolerance_share": 0.1, "key_tolerance": 0.0}]
)
def test_impossible_settings_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="key_tolerance_share"):
        TargetSettings(**options)
