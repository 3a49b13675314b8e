"""How large an image may be: counted in bytes of pixels, before anything is decoded.

A file of 100 KB can unfold into gigabytes. The limit is on the size as (H, W, 3) bytes, which is
what an image takes while it is worked on; files of 16 bits take up to three times as much while
they are read.
"""

from __future__ import annotations

import os

from lib.errors import InputError

VARIABLE = "E2EC_MAX_IMAGE_BYTES"
"""The environment variable that changes the limit."""
DEFAULT_BYTES = 1 << 30
_CHANNELS = 3


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
