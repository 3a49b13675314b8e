"""How large an image may be: counted in bytes of pixels, before anything is decoded.

A file of 100 KB can unfold into gigabytes. The limit is on the size as (H, W, 3) bytes, which is
what an image takes while it is worked on; files of 16 bits take up to three times as much while
they are read.
"""

from __future__ import annotations

import io
import os
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import PIL.Image

from lib.errors import InputError

VARIABLE = "E2EC_MAX_IMAGE_BYTES"
"""The environment variable that changes the limit."""
DEFAULT_BYTES = 1 << 30
_CHANNELS = 3
_PNG_HEADER = b"\x89PNG\r\n\x1a\n"
# Start-of-frame segments of JPEG; 0xC4, 0xC8 and 0xCC are something else.
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# Markers of JPEG that have no length behind them.
_JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD9)})
_pillow = threading.Lock()


class ImageTooLarge(InputError):
    """An image is larger than the limit."""


def whole_number(variable: str, default: int) -> int:
    """The positive whole number in an environment variable; `default` where it is not set.

    Raises:
        InputError: it holds anything else.
    """
    text = os.environ.get(variable, "").strip()
    if not text:
        return default
    if not text.isdecimal() or len(text) > 18 or int(text) == 0:
        raise InputError(
            f"{variable}={text:.40}: not a positive whole number; set it to one, or unset it for "
            f"{default}"
        )
    return int(text)


def check_image_size(height: int, width: int, *, name: str) -> None:
    """Refuse an image above the limit; `name` is used in the message.

    Raises:
        ImageTooLarge: height x width x 3 bytes are more than the limit.
        InputError: the limit is set to something that is not a limit.
    """
    limit = whole_number(VARIABLE, DEFAULT_BYTES)
    needed = height * width * _CHANNELS
    if needed > limit:
        raise ImageTooLarge(
            f"{name}: too large: {width} x {height} pixels take {in_gib(needed)} decoded, the "
            f"limit is {in_gib(limit)}; cut it up or make it smaller, or raise the limit with the "
            f"environment variable {VARIABLE}={needed}"
        )


def in_gib(count: int) -> str:
    """A number of bytes for people."""
    return f"{count / 2**30:.2f} GiB" if count >= 2**27 else f"{count:,} bytes"


def header_size(data: bytes) -> tuple[int, int] | None:
    """(height, width) that the header of an encoded image states, as it is stored.

    None where nobody knows the header; what such a file holds shows when it is decoded.
    """
    if data[:8] == _PNG_HEADER and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        return height, width
    if data[:2] == b"\xff\xd8":
        return _jpeg_size(data)
    try:
        with open_header(io.BytesIO(data)) as image:
            return image.size[1], image.size[0]
    except MemoryError:
        raise
    except Exception:  # a damaged header makes Pillow raise almost anything
        return None


@contextmanager
def open_header(file: str | Path | io.BytesIO) -> Iterator[PIL.Image.Image]:
    """`PIL.Image.open` without Pillow's own limit, which is one of pixels, warns and cannot be
    told of another: `check_image_size` is asked in its place.
    """
    with _pillow, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before, PIL.Image.MAX_IMAGE_PIXELS = PIL.Image.MAX_IMAGE_PIXELS, None
        try:
            image = PIL.Image.open(file)
        finally:
            PIL.Image.MAX_IMAGE_PIXELS = before
    with image:
        yield image


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """The size in the frame segment, walking from segment to segment."""
    position = 2
    while position + 9 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:  # filling
            position += 1
        elif marker in _JPEG_BARE:
            position += 2
        elif marker in _JPEG_FRAMES:
            height, width = struct.unpack(">HH", data[position + 5 : position + 9])
            return height, width
        else:
            position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return None
