"""The identity of every instance, by a tracker of the package `trackers`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from trackers import ByteTrackTracker, OCSORTTracker

from e2ec.app.tracks.contour_iou import ContourIoU
from e2ec.app.tracks.settings import TrackSettings
from e2ec.results.contours import Contours
from e2ec.results.formats.supervision import detections

# Both count their patience in frames at this rate, whatever the rate of the source.
_RATE_OF_PATIENCE = 30.0


class Identities:
    """Gives every instance the number of its track: 1, 2, ...; -1 where it has none (yet).

    An object gets its number with the second frame that shows it, in OC-SORT with the fourth.
    Classes are not compared: an object whose class flickers keeps its number.

    Args:
        settings: `smooth` is not used here.
        frame_rate: frames a second that are expected.
    """

    def __init__(self, settings: TrackSettings, *, frame_rate: float = 30.0) -> None:
        self._overlap = ContourIoU() if settings.matching == "contours" else None
        common: dict[str, Any] = {
            "lost_track_buffer": round(settings.gap_s * _RATE_OF_PATIENCE),
            "frame_rate": frame_rate,
            "high_conf_det_threshold": settings.score,
            "iou": self._overlap,
        }
        self._tracker: ByteTrackTracker | OCSORTTracker
        if settings.method == "bytetrack":
            self._tracker = ByteTrackTracker(track_activation_threshold=settings.score, **common)
        else:
            self._tracker = OCSORTTracker(**common)
        self._gap = settings.gap_s
        self._step = self._usual_step = 1.0 / frame_rate
        self._time = -np.inf

    def __call__(self, time_s: float, contours: Contours) -> Contours:
        """As `Tracker` describes it. A time that does not advance counts as one frame more."""
        before = self._time
        self._time = time_s if time_s > before else before + self._usual_step
        # Frames may be further apart than the gap. Where they usually are is told by the step
        # before: a source that was lost for a while has a long one now.
        self._tracker.maximum_time_without_update = max(self._gap, 2 * self._step)
        self._step = self._time - before if np.isfinite(before) else self._usual_step
        found = detections(contours, masks=False)
        found.data["place"] = np.arange(len(contours))
        # Instances are found again by their boxes: no two may be the same.
        found.xyxy += 1e-9 * np.arange(len(contours))[:, None]
        if self._overlap is not None:
            self._overlap.begin(contours, found.xyxy, self._tracker.tracks)
        tracked = self._tracker.update(found, timestamp=self._time)
        ids = np.full(len(contours), -1, np.int64)
        if len(tracked):
            numbers = np.asarray(tracked.tracker_id)
            ids[tracked.data["place"]] = np.where(numbers < 0, -1, numbers + 1)
        result = replace(contours, track_ids=ids)
        if self._overlap is not None:
            self._overlap.end(result, self._tracker.tracks)
        return result
