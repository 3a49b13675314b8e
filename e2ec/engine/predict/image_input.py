"""Images as people hold them: arrays, paths, PIL images, tensors, one or several."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageOps
import torch
from torch import Tensor

from lib.errors import InputError
from lib.images import read_image, to_rgb

ImageLike = np.ndarray | str | Path | PIL.Image.Image | Tensor
_CHANNELS = (1, 3, 4)
# Resizing overshoots a little; anything further out was normalised, or counts to 255.
_OVERSHOOT = 0.05
# Modes whose values Pillow would cut off at 255, or has no colours for; read as numbers.
_NUMBERS = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")
# Pillow changes these into RGB only by way of another mode.
_BY_WAY_OF = {"La": "LA", "RGBa": "RGBA"}


def image_list(images: ImageLike | Sequence[ImageLike]) -> tuple[list[ImageLike], bool]:
    """The images of a sequence or of a (B, C, H, W) tensor, or the one image; and whether it is
    one."""
    if isinstance(images, Tensor):
        return (list(images), False) if images.ndim == 4 else ([images], True)
    if isinstance(images, Sequence) and not isinstance(images, (str, bytes, bytearray)):
        return list(images), False
    return [images], True  # bytes too: they are refused as an image


def to_pixels(image: ImageLike) -> np.ndarray:
    """One image as (H, W, 3) uint8 RGB.

    Args:
        image: a path, read by `lib.images.read_image`; an array (H, W), (H, W, 1 | 3 | 4), taken
            by `lib.images.to_rgb`; a PIL image of any mode, turned as its EXIF data says, alpha
            dropped; or a tensor (H, W) or (1 | 3 | 4, H, W), RGB, on any device: channels come
            first, as torchvision has them. Floating-point tensors go from 0 to 1.

    Raises:
        InputError: a file is missing or is no image.
        ValueError: an array, PIL image or tensor is not an image.
        TypeError: something else.
    """
    if isinstance(image, np.ndarray):
        return to_rgb(image)
    if isinstance(image, (str, os.PathLike)):
        return read_image(os.fspath(image))
    if isinstance(image, PIL.Image.Image):
        return _from_pil(image)
    if isinstance(image, Tensor):
        return to_rgb(_from_tensor(image))
    raise TypeError(
        "an image is a path, an (H, W, 3) uint8 RGB array, a PIL image or a (3, H, W) tensor, "
        f"not {type(image).__name__}"
    )


def image_source(image: ImageLike, source: str | None) -> str | None:
    """What the result of an image is called: a file by its path, anything else `source`."""
    if isinstance(image, (str, os.PathLike)):
        return str(image)
    # Pillow notes the file it opened, if it was one with a name.
    name = getattr(image, "filename", "") if isinstance(image, PIL.Image.Image) else ""
    return source if source is not None or not isinstance(name, str) else name or None


def _from_pil(image: PIL.Image.Image) -> np.ndarray:
    name = getattr(image, "filename", "") or "PIL image"
    if 0 in image.size:
        raise ValueError(f"{name}: an image must have a height and a width, not {image.size}")
    try:
        image = PIL.ImageOps.exif_transpose(image)
        if image.mode in _NUMBERS:
            return to_rgb(np.asarray(image))
        if image.mode in _BY_WAY_OF:
            image = image.convert(_BY_WAY_OF[image.mode])
        return np.array(image.convert("RGB"))
    except (OSError, SyntaxError) as error:  # Pillow reads a file only now
        raise InputError(
            f"{name}: not an image that can be decoded ({error}); replace it by a complete copy"
        ) from error
    except ValueError as error:
        raise ValueError(
            f"{name}: a PIL image of mode {image.mode} cannot be made RGB; convert it first"
        ) from error


def _from_tensor(image: Tensor) -> np.ndarray:
    """(H, W) or (H, W, C) numbers; floats in 0..1."""
    shape = tuple(image.shape)
    if image.ndim == 2:
        image = image[None]
    if image.ndim != 3 or 0 in shape or image.shape[0] not in _CHANNELS:
        last = image.ndim == 3 and image.shape[2] in _CHANNELS
        hint = "; image.permute(2, 0, 1) puts the channels first" if last else ""
        raise ValueError(f"a tensor must be (3, H, W) with H, W > 0, not {shape}{hint}")
    image = image.detach().permute(1, 2, 0)
    if image.is_floating_point():
        image = image.to(torch.float32)
        low, high = (float(value) for value in torch.aminmax(image))
        if not (low >= -_OVERSHOOT and high <= 1 + _OVERSHOOT):  # also where one is NaN
            raise ValueError(
                f"a floating-point tensor must hold 0 to 1, not {low:g} to {high:g}: give it "
                "before normalisation, divided by 255, or as uint8"
            )
        image = image.clamp(0, 1)
    return image.cpu().numpy()
