"""Random crops, warping and colours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from dataset.transforms.augmentation import (
    AugmentationSettings,
    jitter_colors,
    random_factor,
    sample_crop,
    sample_map,
)
from dataset.transforms.warping import warp_image

# OpenCV computes 8-bit colour maps with rounded coefficients.
ROUNDING = 0.75
STILL = {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "lighting": 0.0}


def noise_image(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_warp_identity_and_flip_are_exact() -> None:
    """x -> W - x on continuous coordinates mirrors the pixels exactly."""
    image = noise_image(5, 7)
    assert_array_equal(warp_image(image, np.eye(2, 3), (5, 7)), image)
    flip = np.array([[-1.0, 0, 7], [0, 1, 0]])
    assert_array_equal(warp_image(image, flip, (5, 7)), image[:, ::-1])


def test_warp_enlarges_about_the_corner_of_the_image() -> None:
    """Zoom 2 of pixels 0 and 100: results at x = 0.5, 1.5, 2.5, 3.5 see 0.25, 0.75, 1.25, 1.75.

    Between the pixel centres 0.5 and 1.5 that is 25 and 75; outside them the border is black."""
    image = np.array([[0, 100]], dtype=np.uint8)[..., None].repeat(3, axis=0)
    warped = warp_image(image, np.array([[2.0, 0, 0], [0, 1, 0]]), (3, 4))
    assert_allclose(warped[1].ravel(), [0, 25, 75, 75], atol=1)


def test_warp_moves_a_point_where_the_matrix_says() -> None:
    """A white square's centre of mass lands at the transformed centre."""
    image = np.zeros((60, 80, 3), dtype=np.uint8)
    image[20:30, 40:50] = 255
    matrix = np.array([[1.3, 0.2, -5.0], [-0.1, 0.9, 8.0]])
    weight = warp_image(image, matrix, (90, 120))[..., 0].astype(float)
    ys, xs = np.mgrid[:90, :120] + 0.5
    found = np.array([(weight * xs).sum(), (weight * ys).sum()]) / weight.sum()
    assert_allclose(found, matrix @ [45, 25, 1], atol=0.02)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(20, 900), st.integers(20, 900))
def test_long_side_crop(seed: int, height: int, width: int) -> None:
    """The crop's side is 0.6..1.4 times the long side; its centre stays in the middle half."""
    options = AugmentationSettings(crop_size=(256, 256))
    matrix = sample_crop(height, width, options, np.random.default_rng(seed))
    zoom = abs(matrix[0, 0])
    assert 0.6 <= 256 / zoom / max(height, width) <= 1.4
    assert matrix[1, 1] == pytest.approx(zoom)
    center = np.linalg.solve(matrix[:, :2], 128 - matrix[:, 2])
    assert (abs(center / (width, height) - 0.5) <= 0.25 + 1e-9).all()


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["native", "relative"]),
    st.integers(0, 10**6),
    st.integers(20, 900),
    st.integers(20, 900),
)
def test_native_and_relative_crops_lie_inside_the_image(
    reference: str, seed: int, height: int, width: int
) -> None:
    """Where the image is larger than the crop nothing outside it is seen, else all of it is."""
    options = AugmentationSettings(
        crop_size=(256, 256),
        scale_reference=reference,
        scale_range=(0.8, 1.6),
        rotate90=True,
        vertical_flip_probability=0.5,
    )
    matrix = sample_crop(height, width, options, np.random.default_rng(seed))
    zoom = np.sqrt(abs(np.linalg.det(matrix[:, :2])))
    unit = 1 if reference == "native" else 256 / max(height, width)
    assert 0.8 <= zoom / unit <= 1.6
    corners = np.linalg.solve(matrix[:, :2], np.array([[0, 256], [0, 256]]) - matrix[:, 2:])
    for low, high, side in zip(
        corners.min(axis=1), corners.max(axis=1), (width, height), strict=True
    ):
        inside = low >= -1e-6 and high <= side + 1e-6
        around = low <= 1e-6 and high >= side - 1e-6
        assert inside or around


def test_input_crop_is_relative_to_the_network_input() -> None:
    options = AugmentationSettings(
        crop_size=(384, 896), scale_reference="input", scale_range=(0.5, 0.5)
    )
    matrix = sample_crop(370, 1224, options, np.random.default_rng(0))
    assert abs(matrix[0, 0]) == pytest.approx(2.0)


def test_relative_crop_by_hand() -> None:
    """3000 x 2000 shown 1.5 times as long as the crop of 320 x 640: zoom 0.32, 960 x 640 pixels.

    The crop shows 2000 x 1000 of the image: with nothing to spare in x, and in y between 0 and
    2000 from the top. Across 50 draws it comes within a tenth of both ends.
    """
    options = AugmentationSettings(
        crop_size=(320, 640),
        scale_reference="relative",
        scale_range=(1.5, 1.5),
        flip_probability=0.0,
    )
    tops = []
    for seed in range(50):
        matrix = sample_crop(3000, 2000, options, np.random.default_rng(seed))
        assert_allclose(matrix[:, :2], [[0.32, 0], [0, 0.32]])
        assert_allclose(matrix[0, 2], 0, atol=1e-9)
        tops.append(-matrix[1, 2] / 0.32)
    assert 0 <= min(tops) < 200 and 1800 < max(tops) <= 2000


def test_flip_mirrors_the_unflipped_crop() -> None:
    """With equal random numbers the flipped crop is W - x of the other."""
    plain, flipped = (
        sample_crop(300, 400, AugmentationSettings(flip_probability=p), np.random.default_rng(3))
        for p in (0.0, 1.0)
    )
    assert_allclose(flipped, [[-1, 1, -1], [1, 1, 1]] * plain + [[0, 0, 512], [0, 0, 0]])


def test_all_eight_symmetries_occur() -> None:
    options = AugmentationSettings(
        vertical_flip_probability=0.5, rotate90=True, scale_range=(1.0, 1.0)
    )
    rng = np.random.default_rng(0)
    seen = {
        tuple(np.sign(sample_crop(512, 512, options, rng)[:, :2].round(9)).ravel())
        for _ in range(200)
    }
    assert len(seen) == 8


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(20, 900), st.integers(20, 900), st.booleans())
def test_by_its_short_side_the_whole_image_is_shown(
    seed: int, height: int, width: int, turned: bool
) -> None:
    """The corners of the image are those of what is shown, in whatever order; its short side lies
    in the range, unless the long one would be too long."""
    options = AugmentationSettings(
        scale_reference="short_side",
        short_sides=(100, 150),
        longest=200,
        vertical_flip_probability=0.5,
        rotate90=turned,
    )
    size, matrix = sample_map(height, width, options, np.random.default_rng(seed))
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]])
    shown = corners @ matrix[:, :2].T + matrix[:, 2]
    assert_allclose(shown.min(axis=0), 0, atol=1e-6)
    across, down = shown.max(axis=0)
    assert_array_equal(size, [np.ceil(round(down, 6)), np.ceil(round(across, 6))])
    short, long = sorted((across, down))
    assert long / short == pytest.approx(max(height, width) / min(height, width))
    if long < 199.999:
        assert short + 1e-6 >= 100 and short <= 150 + 1e-6 and short == pytest.approx(round(short))
    else:
        assert long == pytest.approx(200) and short <= 150 + 1e-6


def test_short_sides_by_hand() -> None:
    """427 x 640 at short sides of 40: 640 becomes 59.95, of which 60 pixels are seen; mirrored,
    its right edge comes to lie on the left. Each whole length is drawn about as often."""
    options = AugmentationSettings(
        scale_reference="short_side", short_sides=(40, 40), flip_probability=1.0
    )
    size, matrix = sample_map(427, 640, options, np.random.default_rng(0))
    zoom = 40 / 427
    assert size == (40, 60)
    assert_allclose(matrix, [[-zoom, 0, 640 * zoom], [0, zoom, 0]], atol=1e-12)
    rng = np.random.default_rng(0)
    options = AugmentationSettings(scale_reference="short_side", short_sides=(40, 43))
    drawn = [sample_map(50, 80, options, rng)[0][0] for _ in range(400)]
    assert (np.bincount(drawn)[40:] > 70).all() and len(np.bincount(drawn)) == 44


def test_a_crop_is_the_map_of_the_other_references() -> None:
    options = AugmentationSettings(crop_size=(64, 96))
    size, matrix = sample_map(100, 120, options, np.random.default_rng(5))
    assert size == (64, 96)
    assert_array_equal(matrix, sample_crop(100, 120, options, np.random.default_rng(5)))


def test_no_strength_leaves_colours_alone() -> None:
    image = noise_image(8, 8)
    options = AugmentationSettings(**STILL)
    assert_array_equal(jitter_colors(image, options, np.random.default_rng(0)), image)


def test_all_colour_steps_match_a_step_by_step_version() -> None:
    """One combined map equals the steps applied one after the other without rounding."""
    image = noise_image(16, 24) // 2 + 50
    result = jitter_colors(image, AugmentationSettings(), np.random.default_rng(11))
    rng = np.random.default_rng(11)
    weights = np.array([0.299, 0.587, 0.114])
    pixels = image.astype(float)
    for step in rng.permutation(["brightness", "contrast", "saturation"]):
        factor = rng.uniform(0.6, 1.4)
        grey = pixels @ weights
        other = {"brightness": 0.0, "contrast": grey.mean(), "saturation": grey[..., None]}[step]
        pixels = factor * pixels + (1 - factor) * other
    values = np.array([0.2141788, 0.01817699, 0.00341571])
    vectors = np.array(
        [
            [-0.58752847, -0.69563484, 0.41340352],
            [-0.5832747, 0.00994535, -0.81221408],
            [-0.56089297, 0.71832671, 0.41158938],
        ]
    )
    bgr = vectors @ (values * rng.normal(size=3) * 0.1)
    pixels += 255 * bgr[::-1]
    assert_allclose(result, np.clip(pixels, 0, 255), atol=ROUNDING)


def test_grayscale_and_invert() -> None:
    image = noise_image(6, 6)
    options = AugmentationSettings(**STILL, grayscale_probability=1.0, invert_probability=1.0)
    result = jitter_colors(image, options, np.random.default_rng(0))
    assert (result == result[..., :1]).all()
    assert_allclose(result[..., 0], 255 - image @ np.array([0.299, 0.587, 0.114]), atol=ROUNDING)


@pytest.mark.parametrize(
    "options",
    [
        {"crop_size": (100, 512)},
        {"scale_range": (0.0, 1.0)},
        {"scale_range": (1.4, 0.6)},
        {"scale_reference": "width"},
        {"short_sides": (800, 600)},
        {"short_sides": (16, 600)},
        {"longest": 600, "short_sides": (600, 601)},
        {"crop_size": (256, 512), "rotate90": True},
        {"brightness": 1.0},
        {"flip_probability": 1.5},
    ],
)
def test_impossible_settings_are_refused(options: dict) -> None:
    with pytest.raises(ValueError, match=next(reversed(options))):
        AugmentationSettings(**options)


@pytest.mark.parametrize(("distribution", "middle"), [("uniform", 2.125), ("log", 1.0)])
def test_half_of_the_factors_lie_below_the_middle(distribution: str, middle: float) -> None:
    """Of 0.25 to 4, uniform has its median at 2.125, log at 1."""
    options = AugmentationSettings(scale_range=(0.25, 4.0), scale_distribution=distribution)
    rng = np.random.default_rng(0)
    factors = np.array([random_factor(options, rng) for _ in range(4000)])
    assert options.middle == middle
    assert 0.25 <= factors.min() < 0.3 and 3.8 < factors.max() <= 4.0
    assert abs((factors < middle).mean() - 0.5) < 0.03
    with pytest.raises(ValueError, match="scale_distribution must be one of uniform, log"):
        AugmentationSettings(scale_distribution="square")
