"""Reading and writing images as people have them: 8 and 16 bit, grey, RGBA, EXIF-rotated."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from lib.errors import InputError
from lib.files import atomic_write_bytes
from lib.image_header import open_header, read_header
from lib.image_limits import check_image_size
from lib.memory import is_out_of_memory

_EXIF_ORIENTATION = 0x0112
# Orientations that exchange width and height.
_SIDEWAYS = (5, 6, 7, 8)
# How many values are brought to 8 bits at a time.
_BLOCK = 1 << 22
# What OpenCV decodes at most where the environment does not say otherwise.
_OPENCV_PIXELS = 1 << 30
_OPENCV_SIDE = 1 << 20
IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


def read_image(path: str | Path) -> np.ndarray:
    """The image in `path` as an (H, W, 3) uint8 RGB array, EXIF rotation applied.

    Grey images are repeated over the three channels, an alpha channel is dropped, and values of
    more than 8 bits are brought to 0..255 as `to_rgb` does it.

    Raises:
        InputError: the file is missing, is not an image, is cut short, or is larger than the limit
            (`lib.image_limits`).
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{path}: image cannot be read ({error.strerror or error})") from error
    return decode_image(data, name=str(path))


def image_size(path: str | Path) -> tuple[int, int]:
    """(height, width) of the image in `path`, as `read_image` would return it, from its header.

    Raises:
        InputError: the file is missing, is not an image, or is larger than the limit
            (`lib.image_limits`).
    """
    with open_header(path) as image:
        width, height = image.size
        # OpenCV does not turn TIFF images; of a PNG, `getexif` decodes all pixels first.
        may_turn = image.format != "TIFF" and (image.format != "PNG" or "exif" in image.info)
        turned = may_turn and image.getexif().get(_EXIF_ORIENTATION) in _SIDEWAYS
    check_image_size(height, width, name=str(path))
    return (width, height) if turned else (height, width)


@contextmanager
def quiet_opencv() -> Iterator[None]:
    """OpenCV prints nothing: what goes wrong is said in one line of our own."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)


def decode_image(data: bytes, *, name: str) -> np.ndarray:
    """Like `read_image`, for an encoded image in memory; `name` is used in messages."""
    if not data:
        raise InputError(f"{name}: image file is empty")
    size = read_header(data, name=name)
    if size is not None:
        check_image_size(*size, name=name)
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH
    try:
        with quiet_opencv():
            image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        if is_out_of_memory(error):
            raise
        image = None
    # OpenCV has limits of its own, above ours unless that has been raised.
    if (
        image is None
        and size is not None
        and (size[0] * size[1] > _OPENCV_PIXELS or max(size) > _OPENCV_SIDE)
    ):
        raise InputError(
            f"{name}: OpenCV does not decode {size[1]} x {size[0]} pixels by itself; cut the image "
            f"up, or set OPENCV_IO_MAX_IMAGE_PIXELS={size[0] * size[1]} and "
            f"OPENCV_IO_MAX_IMAGE_WIDTH={size[1]} OPENCV_IO_MAX_IMAGE_HEIGHT={size[0]} too"
        )
    if image is None:
        raise InputError(f"{name}: not an image that can be decoded; convert it to PNG or JPEG")
    check_image_size(*image.shape[:2], name=name)  # of files whose header only OpenCV knows
    return cv2.cvtColor(_to_uint8(image), cv2.COLOR_BGR2RGB)


def to_rgb(image: np.ndarray) -> np.ndarray:
    """An array of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) as (H, W, 3) uint8 RGB.

    Integers of any type that all lie in 0..255 stay as they are. Floats that all lie in 0..1 are
    multiplied by 255, those in 0..255 rounded; NaN and infinity count as 0. Other values, such as
    those of a 16-bit camera, are stretched from their own minimum and maximum to 0..255. Truth
    values become 0 and 255.

    Raises:
        ValueError: any other shape, an empty image, or values that are no real numbers.
        InputError: the image is larger than the limit (`lib.image_limits`).
    """
    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3 or image.shape[2] not in (1, 3, 4) or 0 in image.shape:
        raise ValueError(f"an image must be (H, W, 3) with H, W > 0, not {image.shape}")
    check_image_size(*image.shape[:2], name="the image given as an array")
    image = _to_uint8(image)
    return np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image[..., :3]


def write_image(path: str | Path, image: np.ndarray) -> None:
    """Write an (H, W, 3) uint8 RGB array; the suffix of `path` (.png, .jpg) chooses the format.

    Raises:
        InputError: the folder cannot be written or the suffix is unknown.
    """
    try:
        done, data = cv2.imencode(Path(path).suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    except cv2.error as error:
        if is_out_of_memory(error):
            raise
        done = False
    if not done:
        raise InputError(f"{path}: unknown image format; use .png or .jpg")
    atomic_write_bytes(path, data.tobytes())


def _to_uint8(image: np.ndarray) -> np.ndarray:
    if image.dtype == np.uint8:
        return image
    if image.dtype.kind not in "buif":
        raise ValueError(f"an image must hold real numbers, not {image.dtype}")
    if image.dtype.kind == "b":
        return image.astype(np.uint8) * np.uint8(255)
    if image.dtype.kind == "f":
        image = np.nan_to_num(image, posinf=0.0, neginf=0.0)
    low, high = float(image.min()), float(image.max())
    if low >= 0 and high <= 255 and image.dtype.kind != "f":
        return image.astype(np.uint8)
    result = np.empty(image.shape, np.uint8)
    # Some rows at a time: floats of a whole photograph would take four times its memory.
    rows = max(1, _BLOCK // max(1, image[0].size))
    for start in range(0, len(image), rows):
        values = image[start : start + rows].astype(np.float32)
        if low >= 0 and high <= 1:
            values = values * 255
        elif low < 0 or high > 255:
            values = (values - low) * (255.0 / max(high - low, 1e-6))
        result[start : start + rows] = np.rint(values).astype(np.uint8)
    return result
