"""Images as people have them."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from lib.errors import InputError
from lib.images import decode_image, image_size, read_image, to_rgb, write_image

COLORS = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
SMOOTH = cv2.GaussianBlur(COLORS, (0, 0), 4)


def jpeg(image: np.ndarray = SMOOTH, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=95, **options)
    return buffer.getvalue()


def test_png_round_trip(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", COLORS)
    assert np.array_equal(read_image(tmp_path / "a.png"), COLORS)


@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_is_read_as_rgb(progressive: bool) -> None:
    found = decode_image(jpeg(progressive=progressive), name="a.jpg")
    assert np.abs(found.astype(int) - SMOOTH).max() < 30


def test_exif_rotation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn clockwise to show
    found = decode_image(jpeg(exif=exif), name="a.jpg")
    assert found.shape == (60, 40, 3)
    assert np.abs(found.astype(int) - np.rot90(SMOOTH, -1)).mean() < 8


def test_grey_rgba_and_16_bit_files(tmp_path: Path) -> None:
    Image.fromarray(COLORS[..., 0]).save(tmp_path / "grey.png")
    assert np.array_equal(read_image(tmp_path / "grey.png"), COLORS[..., :1].repeat(3, 2))
    rgba = np.dstack([COLORS, np.full((40, 60), 7, np.uint8)])
    Image.fromarray(rgba).save(tmp_path / "rgba.png")
    assert np.array_equal(read_image(tmp_path / "rgba.png"), COLORS)
    deep = np.linspace(1000, 3000, 40 * 60).reshape(40, 60).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "deep.tif"), deep)
    found = read_image(tmp_path / "deep.tif")
    assert found.min() == 0 and found.max() == 255 and found.shape == (40, 60, 3)


def test_arrays_become_rgb() -> None:
    assert np.array_equal(to_rgb(COLORS[..., 0]), COLORS[..., :1].repeat(3, 2))
    assert np.array_equal(to_rgb(np.dstack([COLORS, COLORS[..., 0]])), COLORS)
    for bad in (np.zeros((2, 2, 5)), np.zeros((0, 2, 3)), np.zeros(3)):
        with pytest.raises(ValueError, match="an image must be"):
            to_rgb(bad)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16, np.uint16, np.int64, np.uint64])
def test_integers_from_0_to_255_stay_as_they_are(dtype: type) -> None:
    image = np.array([[[10, 20, 30], [100, 90, 80]]], dtype)
    assert to_rgb(image).dtype == np.uint8
    assert to_rgb(image).tolist() == image.tolist()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 0.5, 1], [0, 128, 255]),  # from 0 to 1
        ([0.2, 0.4, 0.4], [51, 102, 102]),
        ([0, np.nan, 1, -np.inf, np.inf], [0, 0, 255, 0, 0]),
        ([10.4, 200.0, 30.6], [10, 200, 31]),  # from 0 to 255
        ([-1.0, 0.0, 1.0], [0, 128, 255]),  # anything else is stretched
        ([300.0, 500.0, 400.0], [0, 255, 128]),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_are_taken_by_their_range(values: list, expected: list, dtype: type) -> None:
    assert to_rgb(np.array([values], dtype))[0, :, 0].tolist() == expected


def test_other_integers_are_stretched_and_truth_values_are_black_and_white() -> None:
    deep = np.array([[1000, 3000, 2000]])
    assert to_rgb(deep)[0, :, 0].tolist() == [0, 255, 128]
    assert to_rgb(np.array([[False, True]]))[0, :, 0].tolist() == [0, 255]
    with pytest.raises(ValueError, match="complex"):
        to_rgb(np.zeros((2, 2), complex))


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.97])
def test_a_truncated_jpeg_is_refused(kept: float) -> None:
    """Also with a whole thumbnail inside, whose end marker must not count."""
    exif = Image.Exif()
    whole = jpeg(exif=exif.tobytes() + jpeg(SMOOTH[:8, :8]))
    decode_image(whole, name="whole.jpg")
    with pytest.raises(InputError, match=r"^cut\.jpg: JPEG is cut short"):
        decode_image(whole[: int(len(whole) * kept)], name="cut.jpg")


def test_a_jpeg_with_a_film_behind_it_is_complete() -> None:
    film = np.random.default_rng(1).integers(0, 256, 200_000, dtype=np.uint8).tobytes()
    decode_image(jpeg() + film, name="motion.jpg")


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"", "is empty"), (b"no image", "not an image"), (b"\x89PNG\r\n\x1a\n123", "cut short")],
)
def test_what_is_no_image_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=rf"^x\.png: .*{message}"):
        decode_image(data, name="x.png")


@pytest.mark.parametrize("missing", [1, 12, 3000])
def test_a_truncated_png_is_refused(missing: int, capfd: pytest.CaptureFixture) -> None:
    """Without a word of libpng's, also where the missing end holds no pixels."""
    buffer = io.BytesIO()
    Image.fromarray(COLORS).save(buffer, "PNG")
    with pytest.raises(InputError, match=r"^a\.png: PNG is cut short"):
        decode_image(buffer.getvalue()[:-missing], name="a.png")
    assert capfd.readouterr() == ("", "")


def test_missing_file_and_unknown_suffix(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_image(tmp_path / "none.png")
    with pytest.raises(InputError, match="unknown image format"):
        write_image(tmp_path / "a.xyz", COLORS)


@pytest.mark.parametrize("orientation", [None, 1, 3, 6, 8])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".bmp"])
def test_the_size_in_the_header_is_that_of_the_pixels(
    tmp_path: Path, suffix: str, orientation: int | None
) -> None:
    """30 x 50 pixels, turned by cameras and not."""
    path = tmp_path / f"a{suffix}"
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    options = {} if suffix == ".bmp" else {"exif": exif}
    Image.fromarray(np.zeros((30, 50, 3), np.uint8)).save(path, **options)
    assert image_size(path) == read_image(path).shape[:2]
    if suffix == ".jpg" and orientation == 6:
        assert image_size(path) == (50, 30)


def test_the_size_of_what_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    for name in ("a.png", "none.png"):
        with pytest.raises(InputError, match=name):
            image_size(tmp_path / name)
