"""How large the network's input may be: memory grows with it, a few hundred bytes a pixel."""

from __future__ import annotations

import numpy as np

from dataset.transforms.test_transform import TestView
from lib.errors import InputError
from lib.image_limits import whole_number

VARIABLE = "E2EC_MAX_INPUT_PIXELS"
"""The environment variable that changes the limit."""
DEFAULT_PIXELS = 1 << 26
MAX_ZOOM = 16.0
MAX_SIDE = 16384


def check_view(view: TestView) -> None:
    """A damaged or hostile description must not ask for an input of many gigabytes.

    Raises:
        ValueError: the zoom, a side, or the smallest input that the view ever makes is too large.
        InputError: the environment variable holds no positive whole number.
    """
    if not 0 < view.zoom <= MAX_ZOOM or max(view.multiple, *(view.size or (1, 1))) > MAX_SIDE:
        raise ValueError(f"zoom must lie in (0, {MAX_ZOOM}], sides be {MAX_SIDE} at most")
    (height, width), _ = view.geometry(1, 1)
    limit = whole_number(VARIABLE, DEFAULT_PIXELS)
    if height * width > limit:
        raise ValueError(
            f"its view asks for inputs of {width} x {height} pixels, the limit is "
            f"{limit} pixels; lower the view's size or zoom, or raise the limit with "
            f"the environment variable {VARIABLE}"
        )


def show(view: TestView, image: np.ndarray, source: str | None) -> tuple[np.ndarray, np.ndarray]:
    """`view.apply`, for inputs below the limit; `source` names the image in messages.

    Raises:
        InputError: the input would be too large, or the limit is set to something that is none.
    """
    height, width = image.shape[:2]
    (input_height, input_width), _ = view.geometry(height, width)
    limit = whole_number(VARIABLE, DEFAULT_PIXELS)
    if input_height * input_width > limit:
        size = "" if view.size is None else f", size {view.size[0]} x {view.size[1]}"
        raise InputError(
            f"{source or 'the image'}: {width} x {height} pixels become an input of "
            f"{input_width} x {input_height} in the view '{view.mode}' (zoom {view.zoom:g}{size}), "
            f"the limit is {limit} pixels; lower the zoom, choose a view of a fixed "
            f"size, cut the image up, or raise the limit with the environment variable "
            f"{VARIABLE}={input_height * input_width}"
        )
    return view.apply(image)
