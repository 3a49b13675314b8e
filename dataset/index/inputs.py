"""What a reader hands to an `IndexBuilder`, checked and brought to one form."""

from __future__ import annotations

import math
import os
from array import array
from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np

from dataset.checks.problems import LeftOut, Unusable
from dataset.masks.run_lengths import decode_mask
from dataset.masks.tracing import mask_to_contours

# A coordinate beyond this is a mistake, and large enough to make rasterisers run out of memory.
MAX_COORDINATE = 1e6
# Larger images would ask for memory that no machine has; OpenCV reads none of more pixels.
MAX_SIDE = 2**20
MAX_PIXELS = 2**30
_NO_BOX = (math.nan,) * 4


def leads_out(name: str) -> bool:
    """Whether a file name would leave the folder it is relative to, on any system."""
    return any(
        flavour.is_absolute() or flavour.drive or flavour.root or ".." in flavour.parts
        for flavour in (PurePosixPath(name), PureWindowsPath(name))
    )


def relative_name(path: str | Path, folder: str | Path) -> str | None:
    """A path relative to a folder; None where it leads out. Links are not followed."""
    try:
        name = os.path.relpath(path, folder)
    except ValueError:  # Windows: on another drive
        return None
    return None if leads_out(name) else name


def is_file_name(name: str) -> bool:
    """Whether the system can have a file of this name, and an index keep it."""
    try:
        return b"\0" not in name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False


def check_image(name: str, width: int, height: int) -> None:
    """Check the file name of an image, relative to its folder, and its size in pixels.

    Raises:
        Unusable: no file can have this name, or not inside of the folder; no image this size.
    """
    if not is_file_name(name):
        what = f"file name {name!r:.200} is none that a file can have"
        raise Unusable("file name", what, "correct it")
    if leads_out(name):
        what = f"file name {name!r} leads out of the image folder"
        raise Unusable("file name", what, "make it relative to the folder")
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE) or width * height > MAX_PIXELS:
        what = f"'width' and 'height' must be positive, and the image at most {MAX_PIXELS} pixels"
        raise Unusable("image size", what, "correct the size")


def given_points(value: Any) -> np.ndarray | None:
    """[[x, y], ...] as (n, 2) float64, None where it is anything else.

    All are infinity where one is too large for a float.
    """
    if not isinstance(value, list):
        return None
    for point in value:
        if not isinstance(point, list) or len(point) != 2 or {*map(type, point)} - {int, float}:
            return None
    try:
        return np.array(value, np.float64).reshape(-1, 2)
    except OverflowError:
        return np.full((len(value), 2), np.inf)


def given_numbers(area: float | None, bbox: Sequence[float] | None) -> Sequence[float]:
    """Area and box (x, y, width, height), NaN for what is not given; an empty box is not.

    Raises:
        Unusable: they are no numbers to work with.
    """
    try:
        box = _NO_BOX if bbox is None or len(bbox) == 0 else bbox
        total = sum(map(abs, bbox or ()), 0 if area is None else abs(area))
        # NaN is not below anything.
        if total <= MAX_COORDINATE**2 and len(box) == 4:
            return (math.nan if area is None else area, *box)
    except (TypeError, OverflowError):
        pass
    what = "'bbox' (x, y, width, height) or 'area' is not finite numbers in range"
    raise Unusable("bad number", what, "correct or remove the annotation")


def outlines(
    polygons: Sequence[np.ndarray | list[float]],
    runs: np.ndarray | None,
    size: tuple[int, int] | None,
) -> list[array[float]]:
    """Polygons as x, y, x, y, ...; those of a mask of (height, width) where none are given.

    Raises:
        Unusable: one is no polygon, or the mask is absurdly large.
    """
    if runs is not None and size is not None and not len(polygons):
        if size[0] * size[1] > MAX_PIXELS:
            what = f"the mask of {size[1]} x {size[0]} pixels is too large"
            raise Unusable("bad mask", what, "correct or remove the annotation")
        polygons = mask_to_contours(decode_mask(runs, *size))
    return [_flat(polygon) for polygon in polygons]


def large_enough(
    parts: list[array[float]], runs: np.ndarray | None, crowd: bool
) -> tuple[list[array[float]], LeftOut | None]:
    """The polygons of an annotation that have three points, and what is wrong with the others.

    Raises:
        LeftOut: nothing is left of the annotation.
    """
    large = [part for part in parts if len(part) >= 6]
    empty_mask = runs is not None and not runs[1::2].any()
    region = crowd and runs is not None and not empty_mask  # which needs no polygons
    few = None
    if len(large) < len(parts):
        count = f"{len(parts) - len(large)} of {len(parts)}" if large else "all"
        few = LeftOut("few points", f"{count} polygons have fewer than 3 points")
    if large or region:
        return large, few
    if few is not None:
        raise few
    if empty_mask:
        raise LeftOut("empty mask", "its mask is empty")
    raise LeftOut("no contour", "has no contour")


def _flat(polygon: np.ndarray | list[float]) -> array[float]:
    """A polygon as x, y, x, y, ...; infinity stands for a number too large for a float.

    Raises:
        Unusable: it is no list of pairs of numbers.
    """
    try:
        if isinstance(polygon, list):
            flat = array("d", polygon)
        else:
            flat = array("d")
            flat.frombytes(np.ascontiguousarray(polygon, np.float64).tobytes())
    except OverflowError:
        return array("d", [math.inf] * 6)
    except (TypeError, ValueError) as error:
        what = f"a polygon must be a list of numbers ({error})"
        raise Unusable("bad number", what, "correct or remove the annotation") from None
    if len(flat) % 2:
        what = f"polygon has an odd count of coordinates ({len(flat)})"
        raise Unusable("odd coordinates", what, "write x and y of every point")
    return flat
