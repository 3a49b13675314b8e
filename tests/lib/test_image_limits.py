"""The limit on images: in bytes of pixels, before anything is decoded, adjustable."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest
from huge_images import write_huge_png

from dataset.masks.id_image import read_ids
from lib import images
from lib.errors import InputError
from lib.image_header import read_header
from lib.image_limits import ImageTooLarge
from lib.images import decode_image, image_size, read_image, to_rgb

LIMIT = "E2EC_MAX_IMAGE_BYTES"
PIXELS = np.random.default_rng(0).integers(0, 256, (30, 50, 3), dtype=np.uint8)
SUFFIXES = [".png", ".jpg", ".bmp", ".tif", ".webp"]


def encoded(suffix: str, image: np.ndarray = PIXELS, **options: object) -> bytes:
    buffer = io.BytesIO()
    PIL.Image.fromarray(image).save(buffer, PIL.Image.registered_extensions()[suffix], **options)
    return buffer.getvalue()


def never(*arguments: object) -> None:
    raise AssertionError("decoded")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_limit_holds_before_decoding(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """30 x 50 pixels are 4,500 bytes: allowed with that limit, refused with one byte less."""
    path = tmp_path / f"a{suffix}"
    path.write_bytes(encoded(suffix))
    monkeypatch.setenv(LIMIT, "4500")
    assert read_image(path).shape == (30, 50, 3) and image_size(path) == (30, 50)
    monkeypatch.setenv(LIMIT, "4499")
    monkeypatch.setattr(cv2, "imdecode", never)
    for read in (read_image, image_size, lambda p: decode_image(p.read_bytes(), name=str(p))):
        with pytest.raises(ImageTooLarge, match="too large: 50 x 30 pixels") as caught:
            read(path)
        line = str(caught.value)
        assert line.startswith(f"{path}: ") and f"{LIMIT}=4500" in line and "\n" not in line
        assert "4,499 bytes" in line


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_size_in_the_header(suffix: str) -> None:
    assert read_header(encoded(suffix), name="a") == (30, 50)
    if suffix == ".jpg":
        exif = PIL.Image.Exif()
        exif[0x0112] = 6
        for options in ({"progressive": True}, {"exif": exif}, {"comment": b"\xff\xc0" * 40}):
            assert read_header(encoded(suffix, **options), name="a") == (30, 50)
    assert read_header(b"BM", name="a") is None
    for broken in (b"\xff\xd8", b"\xff\xd8\xff\xe0\x00\x00", b"\x89PNG\r\n\x1a\n123"):
        with pytest.raises(InputError, match=r"^a: .* is cut short"):
            read_header(broken, name="a")


def test_arrays_and_label_images_are_limited_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    PIL.Image.fromarray(PIXELS[..., 0]).save(tmp_path / "ids.png")
    monkeypatch.setenv(LIMIT, "4499")
    with pytest.raises(ImageTooLarge, match="given as an array: too large: 50 x 30"):
        to_rgb(PIXELS)
    with pytest.raises(ImageTooLarge, match=r"ids\.png: too large"):
        read_ids(tmp_path / "ids.png")


def test_what_only_opencv_can_read_is_measured_after_decoding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = cv2.imencode(".hdr", PIXELS.astype(np.float32))[1].tobytes()
    assert read_header(data, name="a.hdr") is None
    assert decode_image(data, name="a.hdr").shape == (30, 50, 3)
    monkeypatch.setenv(LIMIT, "4499")
    with pytest.raises(ImageTooLarge, match=r"a\.hdr: too large"):
        decode_image(data, name="a.hdr")


def test_a_hundred_kilobytes_of_two_gigabytes(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """27,000 x 27,000 pixels: refused by the default limit, without Pillow's own remarks."""
    path = write_huge_png(tmp_path / "huge.png", 27_000, 27_000)
    assert path.stat().st_size < 100_000
    before = PIL.Image.MAX_IMAGE_PIXELS
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for read in (read_image, image_size, read_ids):
            with pytest.raises(ImageTooLarge, match=r"27000 x 27000 pixels take 2\.04 GiB"):
                read(path)
    assert capfd.readouterr() == ("", "")
    assert before == PIL.Image.MAX_IMAGE_PIXELS


def test_above_pillows_limit_sizes_are_read(tmp_path: Path) -> None:
    """18,000 x 10,000 pixels are more than Pillow opens by itself, and less than our limit."""
    path = write_huge_png(tmp_path / "large.png", 18_000, 10_000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert image_size(path) == (10_000, 18_000)


def test_opencvs_own_limits_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """33,000 x 33,000 pixels are more than 2^30; with our limit raised OpenCV would refuse."""
    path = write_huge_png(tmp_path / "a.png", 33_000, 33_000)
    monkeypatch.setenv(LIMIT, str(10**10))
    with pytest.raises(InputError, match=r"a\.png: OpenCV .*33000 x 33000.*MAX_IMAGE_PIXELS"):
        read_image(path)


@pytest.mark.parametrize("value", ["1 GiB", "-5", "0", "1.5", "9" * 30, "٣x"])
def test_a_limit_that_is_none_is_an_error(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LIMIT, value)
    with pytest.raises(InputError, match=f"^{LIMIT}=.*not a positive whole number"):
        to_rgb(PIXELS)


@pytest.mark.parametrize("rows", [1, 7, 1000])
def test_deep_images_are_stretched_block_by_block(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many rows at a time: the values of the whole image decide."""
    deep = np.random.default_rng(1).integers(100, 60_000, (30, 50, 3)).astype(np.uint16)
    values = deep.astype(np.float32) - float(deep.min())
    expected = np.rint(values * (255.0 / float(deep.max() - deep.min()))).astype(np.uint8)
    monkeypatch.setattr(images, "_BLOCK", rows * 150)
    assert np.array_equal(to_rgb(deep), expected)
    unit = np.random.default_rng(1).random((30, 50, 3))
    assert np.array_equal(to_rgb(unit), np.rint(unit.astype(np.float32) * 255).astype(np.uint8))
