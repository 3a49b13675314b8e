"""Traced outlines without the steps of the pixel grid."""

from __future__ import annotations

import numpy as np


def smooth_ring(ring: np.ndarray) -> np.ndarray:
    """A traced outline with its slopes straight and its corners kept.

    A slope is traced as steps one pixel high, between runs. Its outline here passes through the
    middles of the steps, so that a slope of any direction is a line; the runs' corners go. Where a
    run is the end of something (both of its neighbours lie on one side) it stays, half a pixel
    shorter beside a step. Corners without a step are the object's, and stay as they are. The
    outline moves by half a pixel at most and passes between the same pixel centres.

    Args:
        ring: (n, 2), n >= 4, from `dataset.masks.tracing`: edges run along x and y in turn and have
            whole lengths.

    Returns:
        (m, 2) float64, m >= 3, of the same direction.
    """
    edges = np.roll(ring, -1, axis=0) - ring  # edge i leaves vertex i
    lengths = np.abs(edges).sum(axis=1)
    before = np.roll(edges, 1, axis=0)
    turns = np.sign(before[:, 0] * edges[:, 1] - before[:, 1] * edges[:, 0])
    is_end = turns == np.roll(turns, -1)
    is_step = (lengths == 1) & ~is_end
    half = edges / (2 * lengths[:, None])
    # By vertex: what of it stays on the edge before, itself, and on the edge behind; by edge: the
    # middle of a step.
    step_before, step_behind = np.roll(is_step, 1), is_step
    on_before = np.roll(is_end, 1) & ~step_before & step_behind
    on_behind = is_end & ~step_behind & step_before
    points = np.stack([ring - np.roll(half, 1, axis=0), ring, ring + half, ring + half], axis=1)
    kept = np.stack([on_before, ~(step_before | step_behind), on_behind, is_step], axis=1)
    result: np.ndarray = points[kept]
    # The two ends of a run of one pixel meet in its middle.
    return result[(result != np.roll(result, 1, axis=0)).any(axis=1)]
