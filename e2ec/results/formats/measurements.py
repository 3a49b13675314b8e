"""Measurements of every object as CSV, by scikit-image's `regionprops` and its names.

Everything is measured on the object's mask. Positions (`centroid`, `bbox`) are scikit-image's: row
before column, and 0 is the centre of the first pixel, not its edge.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from e2ec.results.formats.item import ImageResult
from e2ec.results.formats.notes import Notes
from e2ec.results.formats.options import FormatOptions
from e2ec.results.formats.rounding import SCORE_DECIMALS
from e2ec.results.masks import exact_mask
from lib.errors import InputError
from lib.images import image_size, read_image

# Names of scikit-image, with the power of the pixel's side that turns them into micrometres.
_SHAPES = {
    "area": 2,
    "perimeter": 1,
    "eccentricity": 0,
    "solidity": 0,
    "equivalent_diameter_area": 1,
    "axis_major_length": 1,
    "axis_minor_length": 1,
}
_UNITS = {1: "um", 2: "um2"}


def measurement_files(
    items: Iterable[ImageResult], options: FormatOptions, notes: Notes
) -> Iterator[tuple[str, bytes]]:
    """`measurements.csv`: a line an object, in pixels, and with a pixel size in micrometres too.

    Raises:
        InputError: the pixels of an image are not of its size.
    """
    rows = [row for item in items for row in measure(item, options.pixel_size, notes)]
    columns = list(dict.fromkeys(name for row in rows for name in row)) or ["image", "label"]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    yield "measurements.csv", text.getvalue().encode("utf-8", "backslashreplace")


def measure(item: ImageResult, pixel_size: float | None, notes: Notes) -> Iterator[dict[str, Any]]:
    """The measurements of the objects of one image, by the names of the columns.

    Args:
        item: the contours; with pixels the mean intensity is measured too, of every channel.
        pixel_size: side of a pixel in micrometres: adds `area_um2`, `perimeter_um` and the like.
        notes: objects that cover no pixel are left out, and counted here.

    Raises:
        InputError: the pixels are not of the image's size.
    """
    from skimage.measure import regionprops

    contours = item.contours
    pixels = None if item.pixels is None else item.pixels()
    size = (contours.height, contours.width)
    if pixels is not None and pixels.shape[:2] != size:
        height, width = pixels.shape[:2]
        raise InputError(
            f"{item.name}: is {width} x {height} pixels, its contours are of an image of "
            f"{contours.width} x {contours.height}; give the image they belong to"
        )
    for index, instance in enumerate(contours):
        mask = exact_mask(contours, index).astype(np.uint8)
        left, top, width, height = cv2.boundingRect(mask)
        if not width:
            notes.left_out["objects that cover no pixel of the image"] += 1
            continue
        window = (slice(top, top + height), slice(left, left + width))
        intensity = None if pixels is None else pixels[window].astype(np.float64)
        (region,) = regionprops(mask[window], intensity_image=intensity)
        row: dict[str, Any] = {"image": item.name, "label": index + 1}
        row["class"] = instance.class_name
        if not item.labels:
            row["score"] = round(instance.score, SCORE_DECIMALS)
        if any(item.crowd):
            row["crowd"] = int(item.is_crowd(index))
        yield row | _numbers(region, left, top, pixel_size, pixels is not None)


def _numbers(
    region: Any, left: int, top: int, pixel_size: float | None, intense: bool
) -> dict[str, float]:
    """What is measured of a region whose window begins at column `left` and row `top`."""
    row = {name: round(float(region[name]), 6) for name in _SHAPES}
    row["centroid-0"] = round(float(region.centroid[0]) + top, 6)
    row["centroid-1"] = round(float(region.centroid[1]) + left, 6)
    for place, (edge, start) in enumerate(zip(region.bbox, (top, left) * 2, strict=True)):
        row[f"bbox-{place}"] = edge + start
    if intense:
        means = np.atleast_1d(region.intensity_mean)
        names = ["intensity_mean"] if len(means) == 1 else _channels(len(means))
        row |= {name: round(float(mean), 6) for name, mean in zip(names, means, strict=True)}
    if pixel_size is not None:
        for name, power in _SHAPES.items():
            if power:
                row[f"{name}_{_UNITS[power]}"] = round(float(region[name]) * pixel_size**power, 6)
    return row


def _channels(count: int) -> list[str]:
    return [f"intensity_mean-{channel}" for channel in range(count)]


def measured_pixels(path: str | Path) -> np.ndarray:
    """The image in a file with the values that it holds: (H, W) or (H, W, 3) RGB, of any type.

    16 bit stay 16 bit, where `lib.images.read_image` brings them to 8; alpha is dropped.

    Raises:
        InputError: the file cannot be read, or is larger than the limit.
    """
    image_size(path)  # looks at the header alone, and holds the limit
    data = np.frombuffer(Path(path).read_bytes(), np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if image is None or (image.dtype == np.uint8 and image.ndim == 3):
        return read_image(path)  # with its rotation
    return image if image.ndim == 2 else np.ascontiguousarray(image[:, :, 2::-1])
