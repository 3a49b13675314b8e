"""The picture of a processed frame, as the settings of the moment want it."""

from __future__ import annotations

import cv2
import numpy as np

from e2ec.app.stream.controls import Settings
from e2ec.app.stream.frame import Frame
from e2ec.results.contours import Contours
from e2ec.results.draw.visualize import draw_contours


def draw_frame(frame: Frame, contours: Contours, settings: Settings) -> np.ndarray:
    """The frame with its contours over it, (H, W, 3) uint8 RGB."""
    tracked = settings.tracks and contours.track_ids is not None
    picture = draw_contours(
        frame.image,
        contours,
        color_by="track" if tracked else "instance",
        fill=settings.fill,
        labels=settings.labels,
    )
    if settings.vertices:
        _draw_vertices(picture, contours)
    return picture


def _draw_vertices(picture: np.ndarray, contours: Contours) -> None:
    """A white dot with a black rim at every vertex, in place."""
    radius = max(1, round(max(picture.shape[:2]) / 600))
    for instance in contours:
        for ring in (*instance.parts, *(hole for holes in instance.holes for hole in holes)):
            for x, y in np.clip(np.floor(ring), -1, max(picture.shape[:2])).astype(int).tolist():
                cv2.circle(picture, (x, y), radius + 1, (0, 0, 0), cv2.FILLED)
                cv2.circle(picture, (x, y), radius, (255, 255, 255), cv2.FILLED)
