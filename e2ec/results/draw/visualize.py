"""Pictures of contours: outlines, translucent fills and labels drawn over an image."""

from __future__ import annotations

import colorsys
from typing import Literal

import cv2
import numpy as np

from e2ec.results.draw.labels import draw_labels
from e2ec.results.instances import Instances

Color = tuple[int, int, int]

_GOLDEN_RATIO = 0.6180339887498949
# OpenCV draws at integer positions; this many binary digits after the point keep sub-pixels.
_SHIFT = 4
_GAP = 4
_LABELLED_INSTANCES = 50
_UNTRACKED: Color = (160, 160, 160)


def palette(count: int) -> list[Color]:
    """`count` distinct RGB colours, always the same and in the same order.

    The hue steps by the golden ratio, so that neighbours in the list differ most and a longer list
    begins with the shorter one; brightness and saturation take turns over three levels.
    """
    return [_color(index) for index in range(count)]


def _color(index: int) -> Color:
    hue = (0.02 + index * _GOLDEN_RATIO) % 1.0
    saturation, value = ((0.85, 1.0), (0.60, 0.95), (0.95, 0.80))[index % 3]
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return round(255 * red), round(255 * green), round(255 * blue)


def draw_contours(
    image: np.ndarray,
    contours: Instances,
    *,
    color_by: Literal["instance", "class", "track"] = "instance",
    fill: float = 0.35,
    line_width: int | None = None,
    labels: bool | None = None,
) -> np.ndarray:
    """The image with the contours over it.

    Large instances are drawn first, so that small ones stay visible.

    Args:
        image: (H, W, 3) uint8 RGB, of the size the contours belong to. Not modified.
        contours: what to draw.
        color_by: a colour of its own for every instance, one for every class, or one for every
            track, which it keeps from frame to frame; what has no track is grey.
        fill: opacity of the filled area, 0 (none) to 1.
        line_width: width of the outlines in pixels; by the size of the image when not given.
        labels: write class and score at the instances, those of highest score first, where there
            is room (`labels.draw_labels`); False writes none; when not given, they are written in
            images of up to 50 instances, since labels would hide the objects of fuller ones.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ValueError: the image is not (height, width, 3) uint8.
    """
    expected = (contours.height, contours.width, 3)
    if image.dtype != np.uint8 or image.shape != expected:
        raise ValueError(
            f"the contours belong to a uint8 image of shape {expected}, "
            f"not {image.dtype} {image.shape}"
        )
    chosen = _colors(contours, color_by)
    order = np.argsort(-contours.areas(), kind="stable")
    polygons = [
        [[_fixed_point(ring, image.shape) for ring in (part, *holes)] for part, holes in rings]
        for rings in (instance.components for instance in contours)
    ]
    width = _line_width(image.shape) if line_width is None else line_width
    canvas = image.copy()
    if fill > 0 and len(contours):
        for i in order:
            # One call a part: in a single call overlapping parts would cancel each other, as a
            # part and its holes do.
            for rings in polygons[i]:
                cv2.fillPoly(canvas, rings, chosen[i], cv2.LINE_8, _SHIFT)
        canvas = cv2.addWeighted(canvas, fill, image, 1.0 - fill, 0.0)
    for i in order:
        outlines = [ring for rings in polygons[i] for ring in rings]
        cv2.polylines(canvas, outlines, True, chosen[i], width, cv2.LINE_AA, _SHIFT)
    if labels or (labels is None and len(contours) <= _LABELLED_INSTANCES):
        draw_labels(canvas, contours, chosen)
    return canvas


def draw_comparison(
    image: np.ndarray, truth: Instances, prediction: Instances, *, labels: bool = False
) -> np.ndarray:
    """Two pictures of one image side by side: the truth on the left, the prediction on the right.

    Args:
        image: (H, W, 3) uint8 RGB, of the size both contours belong to. Not modified.
        truth: contours drawn on the left.
        prediction: contours drawn on the right.
        labels: write class and score at the instances.

    Returns:
        (H, 2 * W + 4, 3) uint8 RGB, a white gap of 4 pixels between the two.

    Raises:
        ValueError: the image is not (height, width, 3) uint8.
    """
    left, right = (
        draw_contours(image, contours, color_by="class", labels=labels)
        for contours in (truth, prediction)
    )
    gap = np.full((image.shape[0], _GAP, 3), 255, np.uint8)
    return np.concatenate([left, gap, right], axis=1)


def _colors(contours: Instances, by: Literal["instance", "class", "track"]) -> list[Color]:
    if by == "track":
        ids = contours.track_ids if contours.track_ids is not None else [-1] * len(contours)
        return [_UNTRACKED if number < 0 else _color(int(number)) for number in ids]
    return [_color(int(i)) for i in (contours.labels if by == "class" else range(len(contours)))]


def _fixed_point(part: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A polygon (N, 2) in OpenCV's fixed-point positions, (N, 1, 2) int32.

    OpenCV puts the centre of the top-left pixel at (0, 0), we at (0.5, 0.5). Points far outside the
    image are drawn nearer to it, where OpenCV's integers do not overflow.
    """
    reach = 4.0 * max(shape[:2])
    positions = np.clip(part - 0.5, -reach, reach)
    return np.rint(positions * (1 << _SHIFT)).astype(np.int32).reshape(-1, 1, 2)


def _line_width(shape: tuple[int, ...]) -> int:
    # By the shorter side too: lines that fit a long strip's length would fill its height.
    return max(1, round(min(max(shape[:2]) / 600, min(shape[:2]) / 100)))
