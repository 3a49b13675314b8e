"""How an image is presented to the network at test time, and the way back.

Six modes, all of them one zoom factor (the same for x and y) with the image in the middle of the
input, less than a pixel up and left of it where that makes its offset whole: a zoom factor of 1
resamples nothing. What the image does not cover is black:

- "canvas": every side of the input is the next multiple of `multiple` ABOVE the image's side times
  `zoom`, whole multiples go one further; the zoom factor is input width / image width. With a zoom
  of 1 and a multiple of 32 a side of the input is (side | 31) + 1 (the published COCO test): 640
  becomes 672, at a zoom factor of 1.05. As height and width round up differently, rows at the top
  and bottom can fall outside the input: 2 % of them for an image of 480 x 640 pixels, none for one
  of 640 x 480.
- "pad": every side of the input is the image's side times `zoom`, rounded up to `multiple`; the
  zoom factor is `zoom` itself, so that nothing is lost and a zoom of 1 resamples nothing.
- "long_side": the image's long side is shown `zoom` times as long as that of `size`; the input is
  as large as the image then is, rounded up to `multiple`. Images of any size show their objects at
  one scale relative to the image, without a black square around.
- "short_side": the image's short side is shown as long as the first of `size`, or shorter, so that
  its long side is no longer than the second, both times `zoom`; the image lies at the top left, and
  the input is as large as it, rounded up to `multiple` (detectors with masks).
- "letterbox": the input is `size`, times `zoom` and rounded up to `multiple`; the zoom factor is
  `zoom` times the largest at which the whole image fits into `size` (for a square size: the long
  side fills it; the published SBD test).
- "fixed": the same as "letterbox" under the name that fits data whose images share one shape and
  `size` that shape enlarged (the published KINS and Cityscapes tests).

The exact warp is for networks trained here. Published weights learned another, and need it: it puts
(width // 2, height // 2) on the centre of the input, wherever that moves the pixels, and takes the
map for one between the centres of pixels when it resamples the image, while contours go through it
as continuous coordinates. At a zoom factor s a contour then comes to lie 0.5 (s - 1) / s pixels of
the image up and left of where the exact warp puts it: 0.25 on KINS, 0.08 on Cityscapes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from lib.errors import InputError
from lib.image_limits import whole_number
from lib.polygons.geometry import transform_points

ViewMode = Literal["canvas", "pad", "long_side", "short_side", "letterbox", "fixed"]
Warp = Literal["exact", "published"]
# Modes whose input is as large as the image wants; the others name a size.
_SIZED_BY_IMAGE = ("canvas", "pad")
# How large the input may be: memory grows with it, a few hundred bytes a pixel.
VARIABLE = "E2EC_MAX_INPUT_PIXELS"
"""The environment variable that changes the limit."""
DEFAULT_PIXELS = 1 << 26
MAX_ZOOM = 16.0
MAX_SIDE = 16384


@dataclass(frozen=True)
class TestView:
    """How a test image is shown; the module describes the modes and the warps in full."""

    __test__ = False  # the name makes pytest look here for tests

    mode: ViewMode = "canvas"
    """pad: the image itself, with black up to the next multiples. canvas: enlarged a little to fill
    them (COCO). letterbox, fixed: as large as fits into size (SBD; KINS, Cityscapes). long_side:
    the long side as long as that of size, without a black square around. short_side: the short side
    as long as the first of size, the long side at most as long as the second."""
    size: tuple[int, int] | None = None
    """Height and width of the input, for letterbox and fixed; long_side takes the longer one;
    short_side takes the length of the short side, and the most of the long side."""
    zoom: float = 1.0
    """Further enlargement, for testing at several scales."""
    multiple: int = 32
    """The sides of the input are multiples of this."""
    warp: Warp = "exact"
    """How pixels are placed: exact for networks trained here, published for published weights."""

    def __post_init__(self) -> None:
        modes, warps = get_args(ViewMode), get_args(Warp)
        if self.mode not in modes:
            raise ValueError(f"mode must be one of {', '.join(modes)}, not {self.mode!r}")
        if self.mode not in _SIZED_BY_IMAGE and (self.size is None or min(self.size) < 1):
            raise ValueError(f"mode {self.mode!r} needs a size (height, width), not {self.size}")
        if self.mode == "short_side" and self.size is not None and self.size[0] > self.size[1]:
            raise ValueError(
                f"mode 'short_side' needs a size (short side, longest long side), not {self.size}"
            )
        if not self.zoom > 0 or self.multiple < 1:
            raise ValueError("zoom must be positive and multiple at least 1")
        if self.warp not in warps:
            raise ValueError(f"warp must be one of {', '.join(warps)}, not {self.warp!r}")

    def geometry(self, height: int, width: int) -> tuple[tuple[int, int], np.ndarray]:
        """Input size and affine map for an image of the given size.

        Returns:
            (height, width) of the input and the (2, 3) map from image to input coordinates.
        """
        size, factor = (height, width), self.zoom
        if self.mode == "long_side" and self.size is not None:
            factor = self.zoom * max(self.size) / max(height, width)
        elif self.mode == "short_side" and self.size is not None:
            factor = self.zoom * short_side_zoom(height, width, *self.size)
        elif self.mode not in _SIZED_BY_IMAGE and self.size is not None:
            size = self.size
            factor = self.zoom * min(size[0] / height, size[1] / width)
        enlarged = factor if self.mode in ("long_side", "short_side") else self.zoom
        multiples = [round(side * enlarged / self.multiple, 9) for side in size]
        if self.mode == "canvas":
            whole = [math.floor(count) + 1 for count in multiples]
        else:
            whole = [max(1, math.ceil(count)) for count in multiples]
        input_height, input_width = (count * self.multiple for count in whole)
        if self.mode == "canvas":
            factor = input_width / width
        if self.mode == "short_side":
            left = top = 0.0
        elif self.warp == "published":
            left = input_width / 2 - factor * (width // 2)
            top = input_height / 2 - factor * (height // 2)
        else:
            # Rounded before it is floored: 640 / 147 * 147 is not quite 640.
            left = math.floor(round((input_width - factor * width) / 2, 9))
            top = math.floor(round((input_height - factor * height) / 2, 9))
        matrix = np.array([[factor, 0.0, left], [0.0, factor, top]])
        return (input_height, input_width), matrix

    def apply(self, image: np.ndarray, source: str | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Present an image.

        Args:
            image: (H, W, 3) uint8, RGB. It is returned itself where nothing has to change.
            source: names the image in messages.

        Returns:
            The (h, w, 3) uint8 input and the (2, 3) map from image to input coordinates.

        Raises:
            InputError: the input would be too large, or the limit is set to something that is none.
        """
        # A view is a setting too: only showing an image loads OpenCV.
        from dataset.transforms.warping import warp_image

        height, width = image.shape[:2]
        size, matrix = self.geometry(height, width)
        limit = whole_number(VARIABLE, DEFAULT_PIXELS)
        if size[0] * size[1] > limit:
            into = "" if self.size is None else f", size {self.size[0]} x {self.size[1]}"
            raise InputError(
                f"{source or 'the image'}: {width} x {height} pixels become an input of "
                f"{size[1]} x {size[0]} in the view '{self.mode}' (zoom {self.zoom:g}{into}), the "
                f"limit is {limit} pixels; lower the zoom, choose a view of a fixed size, cut the "
                f"image up, or raise the limit with the environment variable "
                f"{VARIABLE}={size[0] * size[1]}"
            )
        if size == image.shape[:2] and np.array_equal(matrix, np.eye(2, 3)):
            return image, matrix
        return warp_image(image, matrix, size, exact=self.warp == "exact"), matrix


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


def restore_points(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Points of the input, (..., 2), in coordinates of the image they came from.

    `matrix` is the (2, 3) map that `TestView.apply` returned.
    """
    linear = np.linalg.inv(matrix[:, :2])
    inverse = np.concatenate([linear, -linear @ matrix[:, 2:]], axis=1)
    return transform_points(np.asarray(points, dtype=np.float64), inverse)


def short_side_zoom(height: int, width: int, short: float, longest: float) -> float:
    """The zoom that shows an image's short side at a length, its long side at another at most."""
    return min(short / min(height, width), longest / max(height, width))


def shown_size(*sides: float) -> tuple[int, ...]:
    """Whole pixels that an image covers, in part or as a whole, where its sides have these lengths:
    800.0000000001 are 800."""
    return tuple(math.ceil(round(side, 9)) for side in sides)
