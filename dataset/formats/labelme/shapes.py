"""The shapes of a LabelMe file: to outlines, or to a mask."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dataset.checks.problems import LeftOut, Unusable
from dataset.index.inputs import given_points
from dataset.masks.rasterize import polygons_to_mask
from dataset.masks.run_lengths import encode_mask
from lib.errors import InputError
from lib.images import decode_image

# Vertices that stand for a circle; what they leave out is 0.2 % of its area.
_CIRCLE = 64
# Shapes that enclose something, and those that do not.
_CLOSED = ("polygon", "rectangle", "oriented_rectangle", "circle", "mask")
_OPEN = ("line", "linestrip", "point", "points")
_REMEDY = "correct or remove the shape"
# Where a PNG holds its width and height, 4 bytes each.
_PNG_SIZE = slice(16, 24)


@dataclass(frozen=True)
class Shape:
    """One shape.

    Attributes:
        label: name of the class.
        group: what shapes of one object have in common, or None.
        crowd: a region of several objects.
        points: (n, 2) float64 outline, x then y, pixels; of a mask its first pixel (1, 2).
        mask: (h, w) bool with its top-left corner in that pixel, or None.
    """

    label: str
    group: int | str | None
    crowd: bool
    points: np.ndarray
    mask: np.ndarray | None = None


def encloses(entry: dict[str, Any]) -> bool:
    """Whether a shape of the file is of a kind that `read_shape` reads."""
    return (entry.get("shape_type") or "polygon") in _CLOSED


def read_shape(entry: Any, height: int, width: int) -> Shape:
    """A shape of the file; `height` and `width` are those of the image.

    Raises:
        Unusable: "left out", a point, a line, or an unknown kind of shape; else something in it.
    """
    if not isinstance(entry, dict) or not isinstance(entry.get("label"), str):
        raise Unusable("bad shape", "must be an object with a 'label'", _REMEDY)
    kind = entry.get("shape_type") or "polygon"
    if not isinstance(kind, str) or kind in _OPEN:
        what = f"is a {kind!s:.20}, which encloses nothing"
        raise LeftOut("open shape", what)
    points = _points(entry.get("points"))
    group, flags = entry.get("group_id"), entry.get("flags")
    is_mask = kind == "mask"
    return Shape(
        label=entry["label"],
        group=group if isinstance(group, str) or type(group) is int else None,
        crowd=isinstance(flags, dict) and flags.get("crowd") is True,
        points=np.floor(points[:1]) if is_mask else _outline(kind, points),
        mask=_mask(entry.get("mask"), points, height * width) if is_mask else None,
    )


def merge_shapes(
    shapes: Sequence[Shape], height: int, width: int
) -> tuple[list[np.ndarray], np.ndarray | None]:
    """Outlines of an object, or no outlines and the run lengths where a shape is a mask."""
    outlines = [shape.points for shape in shapes if shape.mask is None]
    if len(outlines) == len(shapes):
        return outlines, None
    usable = [points for points in outlines if len(points) >= 3]
    merged = polygons_to_mask(usable, height, width)
    for shape in shapes:
        if shape.mask is not None:
            left, top = shape.points[0].astype(int).tolist()
            y0, x0 = max(top, 0), max(left, 0)
            window = merged[
                y0 : max(top + len(shape.mask), 0), x0 : max(left + shape.mask.shape[1], 0)
            ]
            visible = shape.mask[y0 - top :, x0 - left :]
            window |= visible[: window.shape[0], : window.shape[1]]
    return [], encode_mask(merged)


def _points(value: Any) -> np.ndarray:
    """(n, 2) float64, all finite."""
    points = given_points(value)
    if points is None or not (np.abs(points) <= 1e6).all():
        what = "'points' must be a list of [x, y] with finite numbers"
        raise Unusable("bad number", what, _REMEDY)
    return points


def _outline(kind: str, points: np.ndarray) -> np.ndarray:
    if kind == "rectangle" and len(points) == 2:
        (x0, y0), (x1, y1) = points
        return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
    if kind == "circle" and len(points) == 2:
        center, rim = points
        angles = np.arange(_CIRCLE) * (2 * math.pi / _CIRCLE)
        return center + math.dist(center, rim) * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    if kind in _CLOSED and kind != "circle":
        return points
    if kind == "circle":
        raise Unusable("bad shape", "a circle needs its centre and a point on it", _REMEDY)
    raise LeftOut("unknown shape", f"is of the unknown kind {kind!r:.20}")


def _mask(value: Any, points: np.ndarray, pixels: int) -> np.ndarray:
    """The (h, w) bool mask; `points` are its first and last pixel, `pixels` those of the image."""
    if not isinstance(value, str) or len(points) != 2:
        raise Unusable("bad mask", "a mask needs 'mask' and two points", _REMEDY)
    try:
        data = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise Unusable("bad mask", "'mask' is not base64 text", _REMEDY) from None
    (left, top), (right, bottom) = np.floor(points).astype(np.int64).tolist()
    columns, rows = (int.from_bytes(data[_PNG_SIZE][i : i + 4], "big") for i in (0, 4))
    # Checked before anything is decoded: a few bytes can ask for gigabytes.
    fits = (rows, columns) == (bottom - top + 1, right - left + 1) and rows * columns <= 4 * pixels
    if not fits:
        what = "the size of 'mask' is not that of the box of its points"
        raise Unusable("bad mask", what, _REMEDY)
    try:
        return np.asarray(decode_image(data, name="mask").any(axis=2))
    except InputError as error:
        raise Unusable("bad mask", f"'mask' cannot be decoded ({error})", _REMEDY) from None
