"""Tracks, for whoever wants them: the packages behind them are an extra."""

from __future__ import annotations

from typing import Protocol

from e2ec.app.tracks.settings import TrackSettings
from e2ec.results.contours import Contours
from lib.errors import InputError

_USUAL_RATE = 30.0
_INSTALL = "tracks need the packages of an extra: pip install -e '.[track]'"


class Tracker(Protocol):
    """Called once a frame, in the order of time."""

    def __call__(self, time_s: float, contours: Contours) -> Contours:
        """The same instances in the same order, with `track_ids`.

        Args:
            time_s: time of the frame in seconds from any start.
            contours: what was found in the frame.
        """
        ...


def make_tracker(
    settings: TrackSettings | None = None, *, frame_rate: float | None = None
) -> Tracker:
    """A tracker without any tracks yet.

    Args:
        settings: what is matched, and how; None takes the defaults.
        frame_rate: frames a second that are expected, None where nobody knows; the times of the
            frames count where they differ.

    Raises:
        InputError: the packages of the extra are not installed.
    """
    try:
        from e2ec.app.tracks.identities import Identities
        from e2ec.app.tracks.smoothing import Smoothing
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] not in ("trackers", "supervision"):
            raise
        raise InputError(f"{_INSTALL} ({error.name} is not installed)") from error
    settings = settings or TrackSettings()
    identify = Identities(settings, frame_rate=frame_rate or _USUAL_RATE)
    if not settings.smooth:
        return identify
    smooth = Smoothing(settings.smooth, forget_s=max(settings.gap_s, settings.smooth))
    return lambda time_s, contours: smooth(time_s, identify(time_s, contours))
