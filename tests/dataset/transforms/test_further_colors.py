"""Gamma, hue, blur and noise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from dataset.transforms.augmentation import AugmentationSettings, jitter_colors
from dataset.transforms.further_colors import further_colors


class Drawn:
    """A generator that draws what it is given."""

    def __init__(self, value: float) -> None:
        self.value = value

    def uniform(self, low: float, high: float) -> float:
        assert low <= self.value <= high
        return self.value


def image(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (24, 32, 3), dtype=np.uint8)


def change(pixels: np.ndarray, drawn: object, **settings: object) -> np.ndarray:
    return further_colors(pixels, AugmentationSettings(**settings), drawn)  # type: ignore[arg-type]


def test_what_is_off_draws_nothing() -> None:
    """The state of the generator stays, and so does what comes after the colours."""
    rng = np.random.default_rng(1)
    before = rng.bit_generator.state
    pixels = image()
    assert further_colors(pixels, AugmentationSettings(blur_sigma=(3.0, 9.0)), rng) is pixels
    assert rng.bit_generator.state == before


def test_the_new_colours_are_drawn_after_the_others() -> None:
    """What is drawn before is as it is without them: a turn by no angle changes nothing."""
    plain = jitter_colors(image(), AugmentationSettings(), np.random.default_rng(5))
    more = AugmentationSettings(hue=1e-9)
    assert_array_equal(jitter_colors(image(), more, np.random.default_rng(5)), plain)


def test_gamma_by_hand() -> None:
    """The square of 0.5 is 0.25; black and white stay."""
    pixels = np.array([[[0, 51, 255]]], np.uint8)
    power_2 = change(pixels, Drawn(math.log(2)), gamma=1.0)
    assert_array_equal(power_2, [[[0, 10, 255]]])  # (51 / 255) ** 2 = 0.04
    root = change(pixels, Drawn(-math.log(2)), gamma=1.0)
    assert_array_equal(root, [[[0, 114, 255]]])  # sqrt(0.2) = 0.447


def test_hue_by_hand() -> None:
    """A third of a turn takes red to another primary; greys stay."""
    pixels = np.array([[[200, 0, 0], [90, 90, 90]]], np.uint8)
    turned = change(pixels, Drawn(120.0), hue=180.0)[0]
    assert sorted(turned[0].tolist()) == [0, 0, 200]
    assert turned[0, 0] == 0
    assert_array_equal(turned[1], [90, 90, 90])
    assert_array_equal(change(change(image() // 2 + 60, Drawn(0.0), hue=9.0), Drawn(0.0), hue=9.0),
                       image() // 2 + 60)  # fmt: skip


def test_noise_is_as_strong_as_drawn() -> None:
    grey = np.full((200, 200, 3), 128, np.uint8)
    noisy = change(grey, np.random.default_rng(0), noise=(7.0, 7.0)).astype(float)
    assert_allclose([noisy.mean(), noisy.std()], [128, 7], atol=0.2)
    again = change(grey, np.random.default_rng(0), noise=(7.0, 7.0))
    assert_array_equal(noisy, again)


def test_blur_spreads_a_point_as_far_as_drawn() -> None:
    """Along x the variance of a blurred line is that of the gaussian."""
    pixels = np.zeros((9, 61, 3), np.uint8)
    pixels[:, 30] = 255
    settings = {"blur_probability": 1.0, "blur_sigma": (2.0, 2.0)}
    row = change(pixels, np.random.default_rng(0), **settings)[4, :, 0].astype(float)
    x = np.arange(61) - 30
    assert abs((row * x**2).sum() / row.sum() - 4) < 0.3
    never = change(pixels, np.random.default_rng(0), **{**settings, "blur_probability": 1e-9})
    assert never is pixels


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"gamma": -0.1}, "gamma"),
        ({"hue": 200.0}, "hue"),
        ({"blur_sigma": (0.0, 1.0)}, "blur_sigma"),
        ({"noise": (3.0, 1.0)}, "noise"),
        ({"copy_paste_count": (3, 1)}, "copy_paste_count"),
        ({"copy_paste_overlap": 1.5}, "copy_paste_overlap"),
        ({"mosaic_probability": 2.0}, "mosaic_probability"),
        ({"blur_probability": -1.0}, "blur_probability"),
    ],
)
def test_impossible_settings(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        AugmentationSettings(**settings)  # type: ignore[arg-type]
