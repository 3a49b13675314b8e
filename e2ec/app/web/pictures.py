"""Bytes that a client sent, as pixels: what they unfold to is known before they are decoded."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from e2ec.app.web.limits import Limits
from e2ec.app.web.refusal import Refusal
from lib.errors import InputError
from lib.image_header import open_header, read_header
from lib.images import decode_image

KINDS = "JPEG, PNG, WebP, BMP or TIFF"
_LONGEST_SIDE = 65_535
# A progressive JPEG has some ten scans; each of a hostile one's thousands goes over all pixels.
_JPEG_SCANS = 40
# A picture has a few texts and one profile; each of a hostile PNG's thousands is unpacked.
_PNG_TEXTS = 40
_PNG_PACKED = (b"zTXt", b"iTXt", b"iCCP")
_TIFF_TILE = (322, 323)
_TIFF_BITS, _TIFF_SAMPLES = 258, 277
_TIFF_BYTES_A_PIXEL = 16


def picture_size(data: bytes, limits: Limits) -> tuple[int, int]:
    """(height, width) of an encoded picture that may be decoded.

    Raises:
        Refusal: it is of another kind (415), damaged (422), or unfolds to too much (413).
    """
    kind = _kind(data)
    if kind is None:
        raise Refusal(415, f"not a picture: send {KINDS}")
    try:
        size = read_header(data, name="picture")
    except InputError as error:
        raise Refusal(422, "the picture is damaged") from error
    if size is None:
        raise Refusal(422, "the picture is damaged")
    height, width = size
    if height * width > limits.pixels or max(size) > _LONGEST_SIDE:
        raise Refusal(
            413, f"{width} x {height} pixels are too many, the limit is {limits.pixels:,}"
        )
    if min(size) < 1:
        raise Refusal(422, "the picture is damaged")
    if kind == "jpeg" and data.count(b"\xff\xda") > _JPEG_SCANS:
        raise Refusal(422, f"the JPEG has more than {_JPEG_SCANS} scans; save it again")
    if kind == "png" and sum(map(data.count, _PNG_PACKED)) > _PNG_TEXTS:
        raise Refusal(422, f"the PNG has more than {_PNG_TEXTS} packed texts; save it again")
    if kind == "tiff":
        _check_tiff(data, limits)
    return height, width


def decode_picture(data: bytes, name: str) -> np.ndarray:
    """(H, W, 3) uint8 RGB of a picture that `picture_size` has let through.

    Raises:
        InputError: it cannot be decoded; the message begins with `name`.
    """
    return decode_image(data, name=name)


def _kind(data: bytes) -> str | None:
    if data[:2] == b"\xff\xd8":
        return "jpeg"
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return "png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data[:2] == b"BM":
        return "bmp"
    return "tiff" if data[:4] in (b"II*\x00", b"MM\x00*") else None


def _check_tiff(data: bytes, limits: Limits) -> None:
    """A small TIFF may ask for tiles and samples of any size."""
    try:
        with open_header(io.BytesIO(data)) as image:
            tags: Any = getattr(image, "tag_v2", {})
            tile = [int(tags.get(tag, 1)) for tag in _TIFF_TILE]
            bits = tags.get(_TIFF_BITS, (1,))
            samples = int(tags.get(_TIFF_SAMPLES, 1))
            deepest = int(max(bits)) if isinstance(bits, tuple) else int(bits)
    except MemoryError:
        raise
    except Exception as error:  # damaged tags make Pillow raise almost anything
        raise Refusal(422, "the picture is damaged") from error
    if tile[0] * tile[1] > limits.pixels or samples * deepest > 8 * _TIFF_BYTES_A_PIXEL:
        raise Refusal(413, "the TIFF has tiles or samples that are too large; send a PNG")
