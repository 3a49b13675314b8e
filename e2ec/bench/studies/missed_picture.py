"""A sheet of windows of images: labels that are lost in the colours of their causes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from e2ec.bench.studies.match_causes import CAUSES
from e2ec.results.draw.contact_sheet import FONT, LINE_HEIGHT, TEXT_SCALE, text_line, tile_grid

Color = tuple[int, int, int]

LOST: dict[str, Color] = {
    "merged": (255, 60, 60),
    "split": (255, 150, 0),
    "score": (70, 150, 255),
    "contour": (255, 80, 255),
    "nothing": (0, 255, 255),
}
LABEL: Color = (150, 150, 150)
FOUND: Color = (240, 230, 60)
FALSE: Color = (40, 220, 60)
WINDOW, SIDE = 192, 672
"""Pixels of the image a window has a side, and of the sheet."""
_COLUMNS = 3
_BRIGHTER = 0.6


@dataclass(frozen=True, eq=False)
class Windowed:
    """An image to be drawn.

    Attributes:
        name: of its file.
        image: (H, W, 3) uint8 RGB.
        labels, found: masks of labels and detections, compressed run lengths.
        causes: of every label, None where it is found.
        kinds: of every detection, None where it is not false.
        kept: of every detection whether its score reaches the threshold.
    """

    name: str
    image: np.ndarray
    labels: Sequence[Mapping[str, Any]]
    causes: Sequence[str | None]
    found: Sequence[Mapping[str, Any]]
    kinds: Sequence[str | None]
    kept: Sequence[bool]


def draw_sheet(images: Sequence[Windowed]) -> np.ndarray:
    """All windows in a grid below a legend, (H, W, 3) uint8 RGB."""
    grid = tile_grid([draw_window(one) for one in images], _COLUMNS)
    return np.concatenate([legend(grid.shape[1]), grid])


def legend(width: int) -> np.ndarray:
    """What the colours mean, (h, width, 3) uint8 RGB."""
    entries = [(f"lost: {cause}", LOST[cause]) for cause in CAUSES]
    entries += [("label that is found", LABEL), ("detection", FOUND), ("false detection", FALSE)]
    lines, x = [np.zeros((LINE_HEIGHT, width, 3), np.uint8)], 8
    for text, color in entries:
        wide = cv2.getTextSize(text, FONT, TEXT_SCALE, 1)[0][0] + 24
        if x + wide > width and x > 8:
            lines.append(np.zeros_like(lines[0]))
            x = 8
        cv2.putText(lines[-1], text, (x, 17), FONT, TEXT_SCALE, color, 1, cv2.LINE_AA)
        x += wide
    return np.concatenate(lines)


def draw_window(one: Windowed) -> np.ndarray:
    """The window with most lost labels and false detections, enlarged, with a caption."""
    x0, y0 = place_window(one)
    crop = brightened(one.image)[y0 : y0 + WINDOW, x0 : x0 + WINDOW]
    scale = SIDE / WINDOW
    canvas = np.zeros((SIDE, SIDE, 3), np.uint8)
    size = (round(crop.shape[1] * scale), round(crop.shape[0] * scale))
    canvas[: size[1], : size[0]] = cv2.resize(crop, size, interpolation=cv2.INTER_CUBIC)
    drawn = [(mask, LABEL, 1) for mask, c in zip(one.labels, one.causes, strict=True) if c is None]
    for mask, kind, kept in zip(one.found, one.kinds, one.kept, strict=True):
        if kept:
            drawn.append((mask, FALSE if kind else FOUND, 2 if kind else 1))
    drawn += [(m, LOST[c], 2) for m, c in zip(one.labels, one.causes, strict=True) if c]
    for mask, color, width in drawn:
        cut = coco_mask.decode(mask)[y0 : y0 + WINDOW, x0 : x0 + WINDOW]
        if cut.any():
            large = cv2.resize(cut, size, interpolation=cv2.INTER_NEAREST)
            outlines, _ = cv2.findContours(large, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            cv2.drawContours(canvas, outlines, -1, color, width)
    lost, false = (sum(name is not None for name in names) for names in (one.causes, one.kinds))
    height, width = one.image.shape[:2]
    facts = f"{one.name[:12]} {width}x{height}, from ({x0}, {y0}): {lost} lost, {false} false"
    return np.concatenate([canvas, text_line(facts, SIDE)])


def place_window(one: Windowed) -> tuple[int, int]:
    """x and y of the window of `WINDOW` pixels that has the middles of most errors; the image is
    the limit."""
    wrong = [m for m, cause in zip(one.labels, one.causes, strict=True) if cause]
    wrong += [m for m, kind in zip(one.found, one.kinds, strict=True) if kind]
    height, width = one.image.shape[:2]
    limit = np.array([max(0, width - WINDOW), max(0, height - WINDOW)])
    if not wrong:
        return int(limit[0] // 2), int(limit[1] // 2)
    boxes = np.array([coco_mask.toBbox(mask) for mask in wrong])
    middles = boxes[:, :2] + boxes[:, 2:] / 2
    starts = np.clip(np.rint(middles - WINDOW / 2), 0, limit).astype(int)
    inside = (middles >= starts[:, None]) & (middles < starts[:, None] + WINDOW)
    x, y = starts[int(np.argmax(inside.all(axis=2).sum(axis=1)))]
    return int(x), int(y)


def brightened(image: np.ndarray) -> np.ndarray:
    """An image (H, W, 3) uint8 stretched to the whole range; dark ones brighter in the shadows."""
    low, high = np.percentile(image, (0.5, 99.8))
    stretched = np.clip((image - low) / max(high - low, 1), 0, 1)
    if np.median(image) < 64:
        stretched = stretched**_BRIGHTER
    return np.rint(255 * stretched).astype(np.uint8)
