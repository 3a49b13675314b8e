"""Even vertices and smoothed ripples: against slow versions, with corners and areas kept."""

from __future__ import annotations

import numpy as np
import pytest
from shapely import Polygon

from e2ec.results.postprocess.smooth_contours import corners, keep_area, resample, smooth
from lib.polygons.turning import edge_lengths


def circle(count: int, radius: float = 20.0) -> np.ndarray:
    angles = 2 * np.pi * np.arange(count) / count
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1) + 100


def square(a_side: int, size: float = 32.0) -> np.ndarray:
    """From the top left clockwise, `a_side` vertices a side."""
    along = np.linspace(0, size, a_side, endpoint=False)
    zero = np.zeros(a_side)
    sides = [(along, zero), (zero + size, along), (size - along, zero + size), (zero, size - along)]
    return np.concatenate([np.stack(side, axis=1) for side in sides]) + 50


def wobbly(count: int = 64, contours: int = 5) -> np.ndarray:
    """Random stars with uneven vertices."""
    rng = np.random.default_rng(0)
    angles = np.sort(rng.uniform(0, 2 * np.pi, (contours, count)), axis=1)
    radius = 20 * (1 + 0.3 * np.sin(3 * angles + 1)) + rng.normal(0, 0.2, angles.shape)
    return np.stack([radius * np.cos(angles), radius * np.sin(angles)], axis=-1) + 100


def areas(contours: np.ndarray) -> np.ndarray:
    return np.array([Polygon(contour).area for contour in contours])


def plain_even(contour: np.ndarray) -> np.ndarray:
    """Points at equal distances along a contour, found one by one."""
    closed = np.concatenate([contour, contour[:1]])
    reached = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    wanted = np.arange(len(contour)) * reached[-1] / len(contour)
    return np.stack([np.interp(wanted, reached, closed[:, axis]) for axis in (0, 1)], axis=1)


@pytest.mark.parametrize("count", [3, 7, 64])
def test_resampled_contours_are_those_of_the_slow_version(count: int) -> None:
    """Up to a small distance along the normal, which keeps the area."""
    contours = wobbly(count)
    plain = np.stack([plain_even(contour) for contour in contours])
    np.testing.assert_allclose(resample(contours), keep_area(plain, contours), atol=1e-9)


def test_resampled_contours_are_even_and_keep_their_area() -> None:
    contours = wobbly(128)
    before, after = edge_lengths(contours), edge_lengths(resample(contours))
    spread = [(lengths.std(axis=1) / lengths.mean(axis=1)).max() for lengths in (before, after)]
    assert spread[0] > 0.5 and spread[1] < 0.1
    np.testing.assert_allclose(areas(resample(contours)), areas(contours), rtol=0.005)


def test_an_even_contour_is_left_as_it_is() -> None:
    even = np.stack([circle(64), square(16)])
    np.testing.assert_allclose(resample(even), even, atol=1e-9)


def plain_smooth(contour: np.ndarray, steps: int, held: np.ndarray) -> np.ndarray:
    """The same movement, vertex by vertex, without care for the area."""
    count = len(contour)
    way = [np.hypot(*(contour[(i + 1) % count] - contour[i])) for i in range(count)]
    for _ in range(steps):
        moved = contour.copy()
        for i in range(count):
            before, after = contour[i - 1], contour[(i + 1) % count]
            target = before + (after - before) * way[i - 1] / (way[i - 1] + way[i])
            if not held[i]:
                moved[i] += 0.5 * (target - contour[i])
        contour = moved
    return contour


def test_smoothed_contours_are_those_of_the_slow_version() -> None:
    contours = wobbly(40)
    none = corners(contours, 180)
    assert not none.any()
    plain = np.stack([plain_smooth(contour, 4, none[0]) for contour in contours])
    found = smooth(contours, steps=4, corner_angle=180)
    np.testing.assert_allclose(found, keep_area(plain, contours), atol=1e-9)


def test_ripples_go_and_the_area_stays() -> None:
    """Vertices that lie 0.5 pixels inside and outside of a circle in turn."""
    ripple = 0.5 * (-1) ** np.arange(64)
    contours = (circle(64) + (circle(64) - 100) / 20 * ripple[:, None])[None]
    radius = np.hypot(*(smooth(contours) - 100)[0].T)
    assert np.ptp(radius) < 1e-6
    np.testing.assert_allclose(areas(smooth(contours)), areas(contours), rtol=1e-9)


@pytest.mark.parametrize("reverse", [False, True])
def test_corners_are_found_and_held(reverse: bool) -> None:
    """A square with small ripples: its four corners, and nothing else, are corners."""
    contour = square(16)
    rng = np.random.default_rng(1)
    contours = contour + np.where(np.arange(64) % 16 == 0, 0, 1)[:, None] * rng.normal(
        0, 0.15, (20, 64, 2)
    )
    if reverse:
        contours = contours[:, ::-1]
    found = corners(contours, 45)
    expected = (contours == square(16)[None, ::-1] if reverse else contours == contour).all(axis=2)
    np.testing.assert_array_equal(found, expected)
    smoothed = smooth(contours)
    np.testing.assert_array_equal(smoothed[expected], contours[expected])
    away = [Polygon(contour).exterior.distance(Polygon(c).exterior) for c in smoothed]
    assert max(away) < 0.2
    # Without corners held, they are cut.
    cut = smooth(contours, corner_angle=180)[expected] - contours[expected]
    assert np.hypot(*cut.T).min() > 0.3


def test_a_circle_has_no_corners_whatever_its_number_of_vertices() -> None:
    for count in (8, 12, 64, 128):
        assert not corners(circle(count)[None], 45).any()


def test_the_area_is_kept_by_both_on_what_predictions_look_like() -> None:
    """Ellipses, bands and stars with jitter, 64 vertices, in either direction."""
    rng = np.random.default_rng(2)
    shapes = np.concatenate([wobbly(), circle(64)[None] * [1, 0.5], square(16)[None] * [1, 0.25]])
    shapes = np.concatenate([shapes, shapes[:, ::-1]]) + rng.normal(0, 0.1, (14, 64, 2))
    for mended in (resample(shapes), smooth(shapes)):
        np.testing.assert_allclose(areas(mended), areas(shapes), rtol=0.005)


def test_a_shift_of_the_vertices_shifts_the_smoothed_ones() -> None:
    contours = wobbly()
    np.testing.assert_allclose(
        smooth(np.roll(contours, 5, axis=1)), np.roll(smooth(contours), 5, axis=1), atol=1e-9
    )


def test_nothing_points_lines_and_few_vertices() -> None:
    for mend in (resample, smooth):
        assert mend(np.zeros((0, 16, 2))).shape == (0, 16, 2)
        point = np.full((1, 16, 2), 3.0)
        np.testing.assert_array_equal(mend(point), point)
        line = np.stack([np.abs(np.arange(16.0) - 8), np.zeros(16)], axis=1)[None]
        assert np.isfinite(mend(line)).all() and np.abs(mend(line)[..., 1]).max() < 1e-9
        with pytest.raises(ValueError, match="contours must be"):
            mend(np.zeros((3, 2)))
    few = wobbly(7)
    np.testing.assert_array_equal(smooth(few), few)
