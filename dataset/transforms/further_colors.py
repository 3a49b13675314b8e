"""Random gamma, hue, blur and noise: what microscopes, lenses and sensors do to a picture."""

from __future__ import annotations

import math

import cv2
import numpy as np

from dataset.transforms.augmentation_settings import AugmentationSettings

# An orthogonal frame of colour: the first axis is grey, the others are turned about it.
_FRAME = np.array([[1.0, 1, 1], [1, -1, 0], [1, 1, -2]])
_FRAME /= np.linalg.norm(_FRAME, axis=1, keepdims=True)


def further_colors(
    image: np.ndarray, settings: AugmentationSettings, rng: np.random.Generator
) -> np.ndarray:
    """Gamma, hue, blur and noise, in this order. What is off draws no random number.

    Args:
        image: (H, W, 3) uint8, RGB.
        settings: strengths and probabilities.
        rng: source of all randomness.

    Returns:
        (H, W, 3) uint8, RGB; the same array where nothing is done.
    """
    if settings.gamma > 0:
        most = math.log(1 + settings.gamma)
        power = math.exp(rng.uniform(-most, most))
        table = 255 * (np.arange(256) / 255) ** power
        image = cv2.LUT(image, np.rint(table).astype(np.uint8))
    if settings.hue > 0:
        image = cv2.transform(image, _turn(rng.uniform(-settings.hue, settings.hue)))
    if settings.blur_probability > 0 and rng.random() < settings.blur_probability:
        sigma = rng.uniform(*settings.blur_sigma)
        image = cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    if settings.noise[1] > 0:
        deviation = rng.uniform(*settings.noise)
        noise = deviation * rng.standard_normal(image.shape, np.float32)
        image = np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)
    return image


def _turn(degrees: float) -> np.ndarray:
    """(3, 3): colours turned about the axis of greys, which stay as they are."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    rotation = np.array([[1, 0, 0], [0, cosine, -sine], [0, sine, cosine]])
    turned: np.ndarray = _FRAME.T @ rotation @ _FRAME
    return turned
