"""Smoothing along a track: less jitter, no lag, and nothing it must not touch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from e2ec.app.tracks.smoothing import Smoothing
from e2ec.results.contours import Contours

RATE = 25.0
ANGLES = np.linspace(0, 2 * np.pi, 64, endpoint=False)
CIRCLE = 20 * np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1) + 60


def moved(polygon: np.ndarray, x: float, y: float) -> np.ndarray:
    return polygon + np.array([x, y])


def tracked(*polygons: np.ndarray, number: int = 1) -> Contours:
    return Contours(
        height=120,
        width=400,
        class_names=("thing",),
        labels=np.zeros(1, np.int64),
        scores=np.ones(1),
        parts=[list(polygons)],
        track_ids=np.array([number]),
    )


def smoothed(film: list[np.ndarray], smooth: Smoothing) -> np.ndarray:
    """(frames, N, 2): the contour of every frame of a film of one object."""
    return np.stack(
        [smooth(step / RATE, tracked(frame)).parts[0][0] for step, frame in enumerate(film)]
    )


def jitter(film: np.ndarray) -> float:
    """Second difference over time, root mean square, once settled."""
    return float(np.sqrt(np.mean(np.diff(film[10:], n=2, axis=0) ** 2)))


@pytest.mark.parametrize("speed", [0.0, 3.0])
def test_jitter_falls_and_nothing_lags(speed: float) -> None:
    rng = np.random.default_rng(0)
    true = [moved(CIRCLE, speed * step, 0.0) for step in range(60)]
    noisy = [frame + rng.normal(0, 0.5, frame.shape) for frame in true]
    result = smoothed(noisy, Smoothing(0.2))
    assert jitter(result) < jitter(np.stack(noisy)) / 4
    assert np.abs(np.mean(result[10:] - np.stack(true)[10:], axis=(0, 1))).max() < 0.05


def test_without_noise_steady_motion_stays_as_it_is() -> None:
    film = [moved(CIRCLE, 2.0 * step, -1.0 * step) for step in range(10)]
    np.testing.assert_allclose(smoothed(film, Smoothing(0.5)), film, atol=1e-9)


def test_the_mean_of_the_shape_by_hand() -> None:
    wide = (CIRCLE - 60) * (1.2, 1.0) + 60
    second = smoothed([CIRCLE, wide], Smoothing(1.0))[1]
    np.testing.assert_allclose(second, (CIRCLE + wide) / 2, atol=1e-9)  # of two frames


@pytest.mark.parametrize(
    "after",
    [CIRCLE[::2], np.roll(CIRCLE, 20, axis=0), CIRCLE[:, ::-1]],
    ids=["other vertices", "another start", "another direction"],
)
def test_vertices_that_do_not_correspond_begin_anew(after: np.ndarray) -> None:
    smooth = Smoothing(1.0)
    smooth(0.0, tracked(CIRCLE))
    assert np.array_equal(smooth(0.04, tracked(after)).parts[0][0], after)


def test_a_track_unseen_for_long_begins_anew() -> None:
    far = moved(CIRCLE, 100.0, 0.0)
    for pause, fresh in ((0.04, False), (2.0, True)):
        smooth = Smoothing(1.0, forget_s=1.0)
        for step in range(5):
            smooth(step / RATE, tracked(moved(CIRCLE, step * 0.1, 0)))
        result = smooth(4 / RATE + pause, tracked(far)).parts[0][0]
        assert np.allclose(result, far) is fresh


def test_several_parts_keep_their_vertices() -> None:
    smooth = Smoothing(1.0)
    parts = [CIRCLE, moved(CIRCLE[::2], 80.0, 0.0)]
    for step in range(3):
        result = smooth(step / RATE, tracked(*parts))
    assert [len(part) for part in result.parts[0]] == [64, 32]
    np.testing.assert_allclose(result.parts[0][1], parts[1], atol=1e-9)


def test_what_has_no_track_or_is_a_mask_stays() -> None:
    smooth = Smoothing(1.0)
    other = (CIRCLE - 60) * 1.3 + 60
    for contours in (tracked(CIRCLE, number=-1), tracked(other, number=-1)):
        assert np.array_equal(smooth(0.0, contours).parts[0][0], contours.parts[0][0])
    runs = np.array([0, 120, 120 * 399])
    mask = replace(tracked(CIRCLE), parts=(), holes=(), runs=[runs])
    for time in (0.0, 0.1):
        assert np.array_equal(smooth(time, mask).runs[0], runs)


def test_contours_without_tracks_are_refused() -> None:
    with pytest.raises(ValueError, match="track_ids"):
        Smoothing(1.0)(0.0, replace(tracked(CIRCLE), track_ids=None))
