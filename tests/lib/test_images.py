"""Images as people have them."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from lib.errors import InputError
from lib.images import decode_image, read_image, to_rgb, write_image

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
    assert to_rgb(np.array([[0.0, np.nan], [1.0, 0.5]]))[..., 0].tolist() == [[0, 0], [255, 128]]
    for bad in (np.zeros((2, 2, 5)), np.zeros((0, 2, 3)), np.zeros(3)):
        with pytest.raises(ValueError, match="an image must be"):
            to_rgb(bad)


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
    [(b"", "is empty"), (b"no image", "not an image"), (b"\x89PNG\r\n\x1a\n123", "not an image")],
)
def test_what_is_no_image_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=rf"^x\.png: .*{message}"):
        decode_image(data, name="x.png")


def test_a_truncated_png_is_refused(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", COLORS)
    data = (tmp_path / "a.png").read_bytes()
    with pytest.raises(InputError):
        decode_image(data[: len(data) // 2], name="a.png")


def test_missing_file_and_unknown_suffix(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_image(tmp_path / "none.png")
    with pytest.raises(InputError, match="unknown image format"):
        write_image(tmp_path / "a.xyz", COLORS)
