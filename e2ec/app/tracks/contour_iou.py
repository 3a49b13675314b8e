"""The overlap of contours in place of that of their boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask
from trackers.utils.iou import BaseIoU, IoU

from e2ec.results.contours import Contours
from e2ec.results.masks import compressed_masks
from lib.polygons.geometry import bounding_box

_RASTER = 1024
"""Pixels of the longer side of the raster that contours are compared on, at most."""

Outline = tuple[list[np.ndarray], list[list[np.ndarray]]]
"""The parts of an instance, and the holes of each part."""


class ContourIoU(BaseIoU):
    """Overlap of the instances of a frame with the last contour of every track.

    The contour of a track is moved and scaled to the box where its tracker expects it now. A track
    too young for a number is compared by its box.

    A tracker compares boxes and names neither tracks nor instances, so they are found by their
    boxes.
    """

    def __init__(self) -> None:
        self._last: dict[int, Outline] = {}
        self._tracks: Sequence[Any] = ()
        self._seen: dict[bytes, Outline] = {}

    def begin(self, contours: Contours, boxes: np.ndarray, tracks: Sequence[Any]) -> None:
        """Before the tracker's update: what this frame shows.

        Args:
            contours: the instances of the frame.
            boxes: (n, 4) their boxes as the tracker gets them.
            tracks: the tracker's.
        """
        self._tracks = tracks
        self._seen = {
            _key(box): (contours.parts[i], contours.holes[i]) for i, box in enumerate(boxes)
        }

    def end(self, contours: Contours, tracks: Sequence[Any]) -> None:
        """After the update: remember the outline of every track; those that ended are forgotten.

        Args:
            contours: the instances of the frame with `track_ids`.
            tracks: the tracker's.
        """
        alive = {track.tracker_id + 1 for track in tracks}
        self._last = {number: kept for number, kept in self._last.items() if number in alive}
        for instance in contours:
            if instance.track_id is not None and instance.track_id > 0:
                self._last[instance.track_id] = (instance.parts, instance.holes)

    def _compute(self, boxes_1: np.ndarray, boxes_2: np.ndarray) -> np.ndarray:
        """(n, m) overlap of tracks and instances, both given by their boxes (x0, y0, x1, y1)."""
        overlap = IoU().compute(boxes_1, boxes_2)
        numbers = {_key(track.get_state_bbox()): track.tracker_id + 1 for track in self._tracks}
        last = {row: self._last.get(numbers.get(_key(box), 0)) for row, box in enumerate(boxes_1)}
        expected = {row: _into_box(old, boxes_1[row]) for row, old in last.items() if old}
        if expected:
            now = [self._seen[_key(box)] for box in boxes_2]
            overlap[list(expected)] = _overlap(list(expected.values()), now)
        return overlap


def _key(box: np.ndarray) -> bytes:
    return np.float64(box).tobytes()


def _moved(outline: Outline, corner: np.ndarray, scale: np.ndarray | float) -> Outline:
    """The outline with `corner` at the origin, scaled."""
    parts, holes = outline
    return (
        [(ring - corner) * scale for ring in parts],
        [[(ring - corner) * scale for ring in inner] for inner in holes],
    )


def _into_box(outline: Outline, box: np.ndarray) -> Outline:
    """The outline moved and scaled so that its own box becomes `box`."""
    x0, y0, x1, y1 = bounding_box(np.concatenate(outline[0]))
    scale = np.maximum(box[2:] - box[:2], 1e-6) / np.maximum([x1 - x0, y1 - y0], 1e-6)
    return _moved(outline, np.array([x0, y0]) - box[:2] / scale, scale)


def _overlap(some: Sequence[Outline], others: Sequence[Outline]) -> np.ndarray:
    """(n, m) intersection over union, rasterised as COCO does; no image cuts the outlines off."""
    points = np.concatenate([part for parts, _ in (*some, *others) for part in parts])
    corner, size = points.min(axis=0), np.ptp(points, axis=0)
    scale = min(1.0, _RASTER / max(size.max(), 1.0))
    width, height = (int(side) + 1 for side in size * scale)

    def masks(outlines: Sequence[Outline]) -> list[dict[str, Any]]:
        moved = [_moved(outline, corner, scale) for outline in outlines]
        canvas = Contours(
            height=height,
            width=width,
            class_names=("object",),
            labels=np.zeros(len(moved), np.int64),
            scores=np.ones(len(moved)),
            parts=[parts for parts, _ in moved],
            holes=[holes for _, holes in moved],
        )
        return [{"size": [height, width], "counts": text} for text in compressed_masks(canvas)]

    return coco_mask.iou(masks(some), masks(others), [0] * len(others))
