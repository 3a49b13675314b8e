"""Training augmentation: a random crop, or the whole image, as one affine map, and random colours.

Geometry follows the training protocols of the E2EC paper (the crop of CenterNet); colours follow
CenterNet's colour jitter and the PCA lighting of AlexNet.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from dataset.transforms.augmentation_settings import AugmentationSettings
from dataset.transforms.further_colors import further_colors
from dataset.transforms.test_transform import short_side_zoom, shown_size

# Principal components of ImageNet colours (Krizhevsky et al., 2012), for B, G, R in 0..1.
LIGHTING_VALUES = np.array([0.2141788, 0.01817699, 0.00341571])
LIGHTING_VECTORS = np.array(
    [
        [-0.58752847, -0.69563484, 0.41340352],
        [-0.5832747, 0.00994535, -0.81221408],
        [-0.56089297, 0.71832671, 0.41158938],
    ]
)
# Luma of R, G, B (ITU-R BT.601), OpenCV's grey.
_GREY = np.array([0.299, 0.587, 0.114])


def crop_zoom(height: int, width: int, settings: AugmentationSettings, factor: float) -> float:
    """Network pixels an image pixel, where the random factor u of `scale_reference` is `factor`;
    of short_side that is the length of the short side."""
    if settings.scale_reference == "short_side":
        return short_side_zoom(height, width, factor, settings.longest)
    if settings.scale_reference == "native":
        return factor
    if settings.scale_reference == "input":
        return 1 / factor
    filling = max(settings.crop_size) / max(height, width)  # the long side fills the crop
    return filling * factor if settings.scale_reference == "relative" else filling / factor


def random_factor(settings: AugmentationSettings, rng: np.random.Generator) -> float:
    """Draw the factor u of `scale_reference`."""
    low, high = settings.scale_range
    if settings.scale_distribution == "log":
        return float(math.exp(rng.uniform(math.log(low), math.log(high))))
    return float(rng.uniform(low, high))


def sample_map(
    height: int, width: int, settings: AugmentationSettings, rng: np.random.Generator
) -> tuple[tuple[int, int], np.ndarray]:
    """Draw how an image is shown: a crop, or with short_side the whole image from the top left on.

    Args:
        height, width: size of the image, pixels.
        settings: crop size, scales and flips.
        rng: source of all randomness.

    Returns:
        (height, width) of what is shown, and the (2, 3) float64 map from image to network input
        coordinates. A crop has multiples of 32 for sides; a whole image has whatever it has.
    """
    if settings.scale_reference != "short_side":
        return settings.crop_size, sample_crop(height, width, settings, rng)
    low, high = settings.short_sides
    zoom = crop_zoom(height, width, settings, int(rng.integers(low, high + 1)))
    linear = zoom * random_symmetry(settings, rng)
    far = linear @ [width, height]  # of the corner; its sides are those of the shown image
    across, down = shown_size(*np.abs(far).tolist())
    return (down, across), np.column_stack([linear, np.maximum(-far, 0)])


def sample_crop(
    height: int, width: int, settings: AugmentationSettings, rng: np.random.Generator
) -> np.ndarray:
    """Draw a random crop of an image; not with short_side, which has none.

    For "long_side" and "input" the crop centre is the image centre moved by up to a quarter of the
    image's width and height; for "native" and "relative" the crop lies anywhere inside the image
    (an image smaller than the crop lies anywhere inside the crop).

    Args:
        height, width: size of the image, pixels.
        settings: crop size, scales and flips.
        rng: source of all randomness.

    Returns:
        (2, 3) float64, image coordinates to network input coordinates.
    """
    crop = np.array(settings.crop_size[::-1], dtype=np.float64)  # x, y from here on
    image = np.array([width, height], dtype=np.float64)
    factor = random_factor(settings, rng)
    position = rng.uniform(size=2)
    zoom = crop_zoom(height, width, settings, factor)
    if settings.scale_reference in ("native", "relative"):
        slack = image - crop / zoom
        center = slack * position + crop / zoom / 2
    else:
        center = image / 2 + image * (position - 0.5) / 2
    linear = zoom * random_symmetry(settings, rng)
    return np.column_stack([linear, crop / 2 - linear @ center])


def random_symmetry(settings: AugmentationSettings, rng: np.random.Generator) -> np.ndarray:
    """(2, 2) flips and quarter turns about the crop's centre, where x becomes W - x exactly."""
    symmetry = np.eye(2)
    if rng.random() < settings.flip_probability:
        symmetry[0] *= -1
    if rng.random() < settings.vertical_flip_probability:
        symmetry[1] *= -1
    if settings.rotate90:
        quarter = np.array([[0.0, -1.0], [1.0, 0.0]])
        symmetry = np.linalg.matrix_power(quarter, int(rng.integers(4))) @ symmetry
    return symmetry


def jitter_colors(
    image: np.ndarray, settings: AugmentationSettings, rng: np.random.Generator
) -> np.ndarray:
    """Random brightness, contrast and saturation in random order, then lighting; then what
    `further_colors` does.

    Every step is an affine map of the colour (contrast blends with the image's mean grey,
    saturation with the pixel's own grey), so that all of them together are one, applied and rounded
    once. A step sees what the steps before it made of the image.

    Args:
        image: (H, W, 3) uint8, RGB.
        settings: strengths and probabilities.
        rng: source of all randomness.

    Returns:
        (H, W, 3) uint8, RGB.
    """
    mean = np.array(cv2.mean(image)[:3])
    linear: np.ndarray = np.eye(3)
    offset: np.ndarray = np.zeros(3)
    for name in rng.permutation(["brightness", "contrast", "saturation"]):
        strength = getattr(settings, name)
        factor = rng.uniform(1 - strength, 1 + strength)
        step, shift = factor * np.eye(3), np.zeros(3)
        if name == "contrast":
            shift += (1 - factor) * (_GREY @ (linear @ mean + offset))
        elif name == "saturation":
            step += (1 - factor) * np.outer(np.ones(3), _GREY)
        linear, offset = step @ linear, step @ offset + shift
    noise = rng.normal(size=3) * settings.lighting
    offset += 255 * (LIGHTING_VECTORS @ (LIGHTING_VALUES * noise))[::-1]
    if rng.random() < settings.grayscale_probability:
        grey = np.outer(np.ones(3), _GREY)
        linear, offset = grey @ linear, grey @ offset
    if rng.random() < settings.invert_probability:
        linear, offset = -linear, 255 - offset
    if not np.array_equal(linear, np.eye(3)) or offset.any():
        image = cv2.transform(image, np.column_stack([linear, offset]))
    return further_colors(image, settings, rng)
