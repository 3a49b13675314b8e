"""What an image looks like in a few numbers, to find others that look alike.

Microscopes differ by more than objects do: a nucleus that shines on black ground, pasted into
stained tissue, is like nothing that any image shows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np

from dataset.loading.sample import Sample
from dataset.masks.rasterize import polygons_to_mask

_SIDE = 96
"""Images are looked at with so many pixels a side, about."""


def image_statistics(sample: Sample) -> np.ndarray:
    """Mean R, G, B of all that is no object, and by how much the objects' mean differs from it.

    Returns:
        (6,) float64, grey levels of 0 to 255. NaN without an object, or without anything else: such
        an image is like none.
    """
    step = max(1, max(sample.image.shape[:2]) // _SIDE)
    pixels = sample.image[step // 2 :: step, step // 2 :: step].astype(np.float64)
    height, width = pixels.shape[:2]
    parts = [part / step for instance in sample.instances for part in instance.parts]
    objects = polygons_to_mask(parts, height, width)
    if objects.all() or not objects.any():
        return np.full(6, np.nan)
    ground = pixels[~objects].mean(axis=0)
    return np.concatenate([ground, pixels[objects].mean(axis=0) - ground])


class ImageStatistics:
    """Statistics of the images of one data set, computed when they are first asked for and kept: a
    few bytes an image, in every loader worker."""

    TRIED: ClassVar[int] = 8
    """Images that are looked at for one that is alike."""
    FARTHEST: ClassVar[float] = 40.0
    """Images whose statistics are farther apart, root of the mean square, are not alike."""

    def __init__(self) -> None:
        self._known: dict[int, np.ndarray] = {}

    def of(self, index: int, read: Callable[[], Sample]) -> np.ndarray:
        """(6,), those of the image at a position; `read` gives it, if it was not seen before."""
        if index not in self._known:
            self._known[index] = image_statistics(read())
        return self._known[index]

    def most_alike(self, own: np.ndarray, found: Sequence[np.ndarray]) -> int | None:
        """The position of the one of `found` that is nearest to `own`; None if all are too far."""
        distances = [float(np.sqrt(np.mean((own - other) ** 2))) for other in found]
        near = [k for k, distance in enumerate(distances) if distance <= self.FARTHEST]
        return min(near, key=distances.__getitem__) if near else None
