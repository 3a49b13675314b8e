"""What an image file says of itself before it is decoded: its size, and whether it is whole."""

from __future__ import annotations

import io
import re
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import PIL.Image

from lib.errors import InputError

_JPEG = b"\xff\xd8"
_PNG = b"\x89PNG\r\n\x1a\n"
# A marker, but no stuffed zero and no restart marker: these two stand inside of compressed data.
_JPEG_MARKER = re.compile(rb"\xff([\x01-\xcf\xd8-\xfe])", re.DOTALL)
# Start-of-frame segments of JPEG; 0xC4, 0xC8 and 0xCC are something else.
_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_pillow = threading.Lock()

Size = tuple[int, int]


def read_header(data: bytes, *, name: str) -> Size | None:
    """(height, width) that the header of an encoded image states, as it is stored.

    None where nobody knows the header; what such a file holds shows when it is decoded. `name` is
    used in messages.

    Raises:
        InputError: a JPEG, whose missing part OpenCV would fill with grey, or a PNG, whose decoder
            prints lines of its own, is cut short.
    """
    for kind, signature, scan in (("JPEG", _JPEG, _scan_jpeg), ("PNG", _PNG, _scan_png)):
        if data.startswith(signature):
            size, complete = scan(data)
            if not complete:
                raise InputError(
                    f"{name}: {kind} is cut short; replace the file by a complete copy"
                )
            return size
    try:
        with open_header(io.BytesIO(data)) as image:
            return image.height, image.width
    except InputError:
        return None


@contextmanager
def open_header(
    file: str | Path | io.BytesIO, *, remedy: str = "convert it to PNG or JPEG"
) -> Iterator[PIL.Image.Image]:
    """`PIL.Image.open` without Pillow's own limit, which is one of pixels, warns and cannot be
    told of another: `check_image_size` is asked in its place.

    Raises:
        InputError: the file is missing, or Pillow fails on it here or inside of the `with`.
    """
    try:
        with _pillow, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            before, PIL.Image.MAX_IMAGE_PIXELS = PIL.Image.MAX_IMAGE_PIXELS, None
            try:
                image = PIL.Image.open(file)
            finally:
                PIL.Image.MAX_IMAGE_PIXELS = before
        with image:
            yield image
    except FileNotFoundError as error:
        raise InputError(f"{file}: image cannot be read ({error.strerror})") from error
    except (InputError, MemoryError):
        raise
    except Exception as error:  # a damaged file makes Pillow raise almost anything
        raise InputError(f"{file}: not an image that can be decoded; {remedy}") from error


def is_complete_jpeg(data: bytes) -> bool:
    """Whether these bytes are a JPEG that is not cut short."""
    return data.startswith(_JPEG) and _scan_jpeg(data)[1]


def _scan_jpeg(data: bytes) -> tuple[Size | None, bool]:
    """The size in the first frame segment, and whether the marker that ends a JPEG comes.

    Walks from segment to segment: thumbnails inside and films behind a photograph hold such
    markers too.
    """
    size = None
    position = len(_JPEG)
    while match := _JPEG_MARKER.search(data, position):
        position = match.end()
        marker = match[1][0]
        if marker == 0xD9:
            return size, True
        if marker in _JPEG_FRAMES and size is None and position + 7 <= len(data):
            height, width = struct.unpack_from(">HH", data, position + 3)
            size = height, width
        if marker not in (0x01, 0xD8):  # the two without a length
            position += int.from_bytes(data[position : position + 2], "big")
    return size, False


def _scan_png(data: bytes) -> tuple[Size | None, bool]:
    """The size in the header, and whether the chunk that ends a PNG comes."""
    if len(data) < 24:
        return None, False
    width, height = struct.unpack_from(">II", data, 16)
    position = len(_PNG)
    while position + 12 <= len(data):  # length, type, check sum
        stop = position + 12 + int.from_bytes(data[position : position + 4], "big")
        if data[position + 4 : position + 8] == b"IEND":
            return (height, width), stop <= len(data)
        position = stop
    return (height, width), False
