"""Four images around a point, as YOLOv4 shows them (Bochkovskiy et al., 2020)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dataset.compose.others import Others
from dataset.compose.regions import move_to_crop
from dataset.loading.sample import Sample
from dataset.transforms.augmentation import AugmentationSettings, sample_crop
from dataset.transforms.warping import warp_image

_NEAREST = 0.25
"""The point is at least this far from every side, of the crop's side."""


def mosaic(
    sample: Sample, others: Others, settings: AugmentationSettings, rng: np.random.Generator
) -> Sample:
    """Four crops in the four corners of one, `sample` in a random one of them.

    Every image is shown as large as if it were alone; of its crop that is seen which lies around
    the middle. Labels end where their corner ends.

    Args:
        sample: an image as it is; without others it fills all corners.
        others: where the other images come from.
        settings: crop size, scales and flips.
        rng: source of all randomness.

    Returns:
        The crop with labels in its pixels, called as `sample` is.

    Raises:
        InputError: another image cannot be read.
    """
    size = settings.crop_size
    height, width = size
    x, y = np.rint(rng.uniform(_NEAREST, 1 - _NEAREST, 2) * (width, height)).astype(int).tolist()
    corners = [(0, 0, x, y), (x, 0, width, y), (0, y, x, height), (x, y, width, height)]
    own = int(rng.integers(4))
    result = replace(sample, image=np.zeros((*size, 3), np.uint8), instances=[], ignored=[])
    for number, (x0, y0, x1, y1) in enumerate(corners):
        shown = sample if number == own else others.draw(rng) or sample
        image_size = (shown.image.shape[0], shown.image.shape[1])
        matrix = sample_crop(*image_size, settings, rng)
        matrix[:, 2] += ((x0 + x1 - width) / 2, (y0 + y1 - height) / 2)
        inside = np.array(matrix)
        inside[:, 2] -= (x0, y0)
        result.image[y0:y1, x0:x1] = warp_image(shown.image, inside, (y1 - y0, x1 - x0))
        seen = (x0, y0, x1, y1)
        result.instances.extend(move_to_crop(shown.instances, image_size, matrix, size, seen))
        result.ignored.extend(move_to_crop(shown.ignored, image_size, matrix, size, seen))
    return result
