"""The geometry of a training image: a crop of it, alone or put together with others."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dataset.compose.copy_paste import paste
from dataset.compose.mosaic import mosaic
from dataset.compose.others import Others
from dataset.compose.regions import move_to_crop
from dataset.loading.sample import Sample
from dataset.transforms.augmentation import AugmentationSettings, sample_crop
from dataset.transforms.warping import warp_image


@dataclass(frozen=True)
class Crop:
    """What is shown, before its colours are changed.

    Attributes:
        image: (h, w, 3) uint8, RGB.
        sample: whose labels they are: the image that was given, or what was put together.
        matrix: (2, 3) map from the pixels of that sample to the crop.
        pasted: how many of its objects, the last ones, were pasted in.
    """

    image: np.ndarray
    sample: Sample
    matrix: np.ndarray
    pasted: int = 0


def random_crop(
    sample: Sample,
    settings: AugmentationSettings,
    rng: np.random.Generator,
    *,
    others: Others | None = None,
    smallest: float = 0.0,
) -> Crop:
    """Draw a crop of an image, as the settings have it in a mosaic and with pasted objects.

    Args:
        sample: image and labels.
        settings: crop size, scales, flips, and how likely others come in.
        rng: source of all randomness.
        others: where they come from; None shows the image alone.
        smallest: objects of this area or less are not pasted, square pixels of the crop.

    Raises:
        InputError: another image cannot be read.
    """
    size = settings.crop_size
    image_size = (sample.image.shape[0], sample.image.shape[1])
    scene = None
    if others is not None and rng.random() < settings.mosaic_probability:
        scene = mosaic(sample, others, settings, rng)
        crop = Crop(scene.image, scene, np.eye(2, 3))
    else:
        matrix = sample_crop(*image_size, settings, rng)
        crop = Crop(warp_image(sample.image, matrix, size), sample, matrix)
    if others is None or rng.random() >= settings.copy_paste_probability:
        return crop
    matched = settings.copy_paste_matched
    donor = others.draw_alike(sample, rng) if matched else others.draw(rng)
    if donor is None:
        return crop
    if scene is None:
        scene = replace(
            sample,
            image=crop.image,
            instances=move_to_crop(sample.instances, image_size, crop.matrix, size),
            ignored=move_to_crop(sample.ignored, image_size, crop.matrix, size),
        )
    scene, pasted = paste(scene, donor, settings, rng, smallest=smallest)
    return Crop(scene.image, scene, np.eye(2, 3), pasted)
