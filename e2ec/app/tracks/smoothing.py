"""Contours smoothed over time along their tracks.

Vertex i of a contour in one frame corresponds to vertex i in the next: the network puts every
vertex at its own place around the object. So vertices can be followed and smoothed one by one,
which pixels of masks cannot.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from e2ec.results.contours import Contours
from e2ec.results.shapes import as_given

_SAME_SHAPE = 0.25
"""Vertices that jump by more than this share of the object's size correspond no longer."""


@dataclass(frozen=True)
class _State:
    """What is kept of a track.

    Centres and velocity (pixels a second) are (2,), the shape (N, 2) lies around the centre.
    """

    time_s: float
    center: np.ndarray
    shape: np.ndarray
    velocity: np.ndarray
    lengths: tuple[int, ...]
    age: int


class Smoothing:
    """Smooths the vertices of tracked polygons; masks and instances without a track stay.

    The centre of a contour and its shape around the centre are filtered apart, so that an object
    in motion does not lag behind: the shape by an exponential mean over `time_s`; the centre by
    the same mean about a motion of constant velocity, which is estimated on the way (a fading
    memory filter of the first order, also known as critically damped g-h filter).

    Args:
        time_s: time constant of the mean, seconds.
        forget_s: a track unseen for longer than this begins anew.
    """

    def __init__(self, time_s: float, *, forget_s: float = 1.0) -> None:
        self._time_constant = time_s
        self._forget = forget_s
        self._states: dict[int, _State] = {}

    def __call__(self, time_s: float, contours: Contours) -> Contours:
        """As `Tracker` describes it; `contours` must have `track_ids`."""
        if contours.track_ids is None:
            raise ValueError("contours without track_ids cannot be smoothed")
        states = {
            number: state
            for number, state in self._states.items()
            if time_s - state.time_s <= self._forget
        }
        parts, holes = as_given(contours.parts), as_given(contours.holes)
        for i, number in enumerate(contours.track_ids.tolist()):
            if number < 0 or not parts[i] or any(holes[i]):
                continue
            states[number] = state = self._follow(states.get(number), time_s, parts[i])
            vertices = state.shape + state.center
            parts[i] = np.split(vertices, np.cumsum(state.lengths)[:-1])
        self._states = states
        return replace(contours, parts=parts, holes=holes)

    def _follow(self, state: _State | None, time_s: float, parts: list[np.ndarray]) -> _State:
        vertices = np.concatenate(parts)
        lengths = tuple(map(len, parts))
        center = vertices.mean(axis=0)
        shape = vertices - center
        size = math.sqrt(max(float(np.prod(np.ptp(vertices, axis=0))), 1.0))
        step = 0.0 if state is None else time_s - state.time_s
        fresh = _State(time_s, center, shape, np.zeros(2), lengths, 0)
        if state is None or step <= 0 or state.lengths != lengths:
            return fresh
        if np.abs(shape - state.shape).mean() > _SAME_SHAPE * size:
            return fresh
        # A young track is fitted by least squares: its mean and motion are not known before.
        memory, n = math.exp(-step / self._time_constant), state.age + 1
        expected = state.center + state.velocity * step
        surprise = center - expected
        of_center = max(1.0 - memory**2, (4 * n + 2) / ((n + 1) * (n + 2)))
        of_velocity = max((1.0 - memory) ** 2, 6 / ((n + 1) * (n + 2)))
        of_shape = max(1.0 - memory, 1 / (n + 1))
        return _State(
            time_s,
            expected + of_center * surprise,
            state.shape + of_shape * (shape - state.shape),
            state.velocity + of_velocity / step * surprise,
            lengths,
            n,
        )
