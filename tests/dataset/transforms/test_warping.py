"""Resampling of images that OpenCV cannot resample at once, against an obvious slow version."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from dataset.transforms import warping
from dataset.transforms.test_transform import TestView
from dataset.transforms.warping import warp_image

ENLARGED = np.array([[2.5, 0.4, -3.0], [-0.3, 1.7, 9.0]])
REDUCED = np.array([[0.31, -0.02, 2.0], [0.05, 0.27, -1.0]])
TURNED = np.array([[0.0, -1.5, 90.0], [1.5, 0.0, -10.0]])


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def slow(image: np.ndarray, matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bilinear samples, one result pixel after the other, black outside; float."""
    height, width = image.shape[:2]
    result = np.zeros((*size, 3))
    for v in range(size[0]):
        for u in range(size[1]):
            x, y = np.linalg.solve(matrix[:, :2], (u + 0.5, v + 0.5) - matrix[:, 2]) - 0.5
            i, j = int(np.floor(x)), int(np.floor(y))
            for column, row in ((i, j), (i + 1, j), (i, j + 1), (i + 1, j + 1)):
                if 0 <= column < width and 0 <= row < height:
                    weight = (1 - abs(x - column)) * (1 - abs(y - row))
                    result[v, u] += weight * image[row, column]
    return result


@pytest.mark.parametrize("matrix", [ENLARGED, REDUCED, TURNED], ids=["up", "down", "turned"])
@pytest.mark.parametrize(("rows", "side"), [(8, 32_766), (10**9, 17), (9, 20)])
def test_tiles_give_the_pixels_of_the_slow_version(
    matrix: np.ndarray, rows: int, side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Limits far below OpenCV's make tiles of a small image; OpenCV rounds positions to 1/32."""
    image = noise(37, 50)
    whole = warp_image(image, matrix, (45, 60))
    monkeypatch.setattr(warping, "MAX_BYTES", rows * image.strides[0])
    monkeypatch.setattr(warping, "MAX_SIDE", side)
    tiled = warp_image(image, matrix, (45, 60)).astype(float)
    expected = slow(image, matrix, (45, 60))
    assert np.abs(tiled - expected).max() < 17  # 255 grey levels a pixel, twice 1/64 + rounding
    assert np.abs(tiled - expected).mean() < 2
    assert np.abs(tiled - whole).max() < 17 and np.abs(tiled - whole).mean() < 0.5


@pytest.mark.parametrize("shape", [(1000, 40_000), (40_000, 1000)], ids=["wide", "high"])
def test_an_image_with_a_side_beyond_15_bits(shape: tuple[int, int]) -> None:
    """At its end, 40,000 pixels from the corner, and as a whole made small."""
    image = noise(*shape)
    down = shape[0] > shape[1]
    shift = np.array([0, -39_900.0] if down else [-39_900.0, 0])
    corner = np.column_stack([1.5 * np.eye(2), 1.5 * shift])
    expected = slow(image, corner, (60, 70))
    assert np.abs(warp_image(image, corner, (60, 70)) - expected).max() < 17
    letterbox = TestView("letterbox", size=(64, 64))
    shown, matrix = letterbox.apply(image)
    assert np.abs(shown - slow(image, matrix, (64, 64))).max() < 17
    assert (shown.max(axis=(1, 2) if down else (0, 2)) > 0).all(), "all of the image is seen"


def test_a_result_with_a_side_beyond_15_bits() -> None:
    image = noise(4, 20_000)
    shown = warp_image(image, np.array([[2.0, 0, 0], [0, 1, 0]]), (4, 40_000))
    # Pixel 2 k + 1 lies a quarter of the way from k to k + 1.
    expected = 0.75 * image[:, :-1].astype(float) + 0.25 * image[:, 1:]
    assert np.abs(shown[:, 1:-1:2] - expected).max() < 1.01


def test_a_crop_beside_the_image_is_black(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warping, "MAX_SIDE", 8)
    assert not warp_image(noise(9, 9), np.array([[1.0, 0, 500], [0, 1, 0]]), (8, 8)).any()


def test_an_image_beyond_31_bits_does_not_end_the_process() -> None:
    """2.2 GB of zeros, which the system does not really keep, with some pixels set."""
    code = """
import numpy as np
from dataset.transforms.warping import warp_image
image = np.zeros((27_000, 27_000, 3), np.uint8)
image[26_990:, 26_990:] = 200
small = warp_image(image[:], np.array([[0.001, 0, 0], [0, 0.001, 0]]), (27, 27))
assert small.shape == (27, 27, 3) and not small.any()
near = warp_image(image, np.array([[1.0, 0, -26_980], [0, 1, -26_980]]), (20, 20))
assert (near[10:, 10:] == 200).all() and not near[:10].any() and not near[:, :10].any()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, (done.returncode, done.stderr)
