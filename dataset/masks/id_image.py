"""Images whose pixels are numbers of objects: 8 and 16 bit grey, palette, 24 bit colour."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lib.errors import InputError
from lib.image_header import open_header
from lib.image_limits import check_image_size


def read_ids(path: str | Path) -> np.ndarray:
    """(H, W) int64: the number in every pixel.

    Grey and palette images hold the number itself; colour images hold red + 256 green + 65536 blue,
    as COCO's panoptic labels do.

    Raises:
        InputError: the file is missing, cut short, not such an image, or larger than the limit
            (`lib.image_limits`).
    """
    with open_header(path, remedy="write it as PNG again") as image:
        check_image_size(image.height, image.width, name=str(path))
        pixels = np.asarray(image.convert("RGB") if image.mode == "RGBA" else image)
    if pixels.dtype.kind not in "bui" or pixels.ndim not in (2, 3):
        raise InputError(f"{path}: does not hold whole numbers; write an 8 or 16 bit grey PNG")
    pixels = pixels.astype(np.int64)
    if pixels.ndim == 2:
        return pixels
    if pixels.shape[2] != 3:
        raise InputError(f"{path}: is neither grey nor RGB; write an 8 or 16 bit grey PNG")
    return pixels @ np.array([1, 256, 65536])
