"""Pictures of labels as the network sees them: augmented, aligned, with key vertices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial

import cv2
import numpy as np
import torch

from dataset.contour.ignored import IgnoredCells
from dataset.contour.targets import TargetSettings, TrainingExample
from dataset.loading.loader import TrainingDataset
from dataset.transforms.augmentation import AugmentationSettings
from e2ec.families.contour.draw_marks import frame_pasted, shade_ignored
from e2ec.results.draw.contact_sheet import FONT, LINE_HEIGHT, TEXT_SCALE, contact_sheet, printable
from e2ec.results.draw.visualize import Color, palette

# OpenCV draws at integer positions; this many binary digits after the point keep sub-pixels.
_SHIFT = 4
_BLACK, _WHITE, _GREY = (0, 0, 0), (255, 255, 255), (90, 90, 90)
# In fuller pictures names would hide the objects.
_MOST_NAMES = 40
_SIGNS = ("vertex", "key vertex", "vertex 0", "centre cell", "centre of the whole object")
_LEGEND_COLOR = (255, 140, 0)
# Closer than this, in pixels of the sheet, dots of vertices would melt into a thick line.
_CLOSEST_DOTS = 3.0


def label_sheet(
    examples: TrainingDataset,
    augmentation: AugmentationSettings,
    targets: TargetSettings,
    *,
    title: str,
    count: int = 12,
    columns: int = 3,
    side: int = 768,
) -> np.ndarray | None:
    """A sheet of training examples with their targets; see `contact_sheet`.

    Args:
        examples: the training path of the data.
        augmentation, targets: the settings that it was made with.
        title: written on top.
        count: at most this many examples.
        columns: of the grid.
        side: crops with a shorter long side are enlarged to it, pixels.
    """
    names = examples.dataset.class_names
    pasting = augmentation.several and augmentation.copy_paste_probability > 0
    signs = _SIGNS + ("pasted",) * pasting + ("ignored",) * targets.ignore_unlearned
    height, width = augmentation.crop_size
    title = title.replace("{", "{{").replace("}", "}}")
    return contact_sheet(
        examples,
        lambda example: (
            draw_example(example, names, stride=targets.stride, side=side),
            _caption(example, names),
        ),
        title=f"{title}: {{shown}} of {{all}} images, input {width} x {height}, "
        f"{targets.vertices} vertices, {targets.directions} directions, seed {examples.seed}",
        legend=partial(_legend, entries=signs),
        count=count,
        columns=columns,
    )


def draw_example(
    example: TrainingExample, class_names: Sequence[str], *, stride: int, side: int = 768
) -> np.ndarray:
    """A training example with its targets drawn over the image.

    Every contour has a colour of its own, a dot for every vertex where they are not too close, a
    white square for every key vertex, a white triangle for vertex 0, a frame around the cell of its
    centre and, where there is room, the name of its class. A line joins the centre of a part of a
    divided object with that of the whole object. Pasted objects have a white band around them;
    white stripes lie where nothing is learned.

    Args:
        example: image and targets.
        class_names: by class index.
        stride: input pixels a cell of the feature map.
        side: images with a shorter long side are enlarged to it, pixels.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    image = np.ascontiguousarray(example.image.numpy().transpose(1, 2, 0))
    scale = max(1.0, side / max(image.shape[:2]))
    canvas = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    shade_ignored(canvas, example.ignored)
    contours = scale * example.contours.numpy().astype(np.float64)
    centers = scale * stride * example.centers.numpy().astype(np.float64)
    wholes = scale * stride * example.object_centers.numpy().astype(np.float64)
    colors = palette(len(contours))
    if example.pasted is not None:
        for points in contours[example.pasted.numpy()]:
            frame_pasted(canvas, _fixed(points), _SHIFT)
    for points, color in zip(contours, colors, strict=True):
        cv2.polylines(canvas, [_fixed(points)], True, color, 1, cv2.LINE_AA, _SHIFT)
    for k, (points, color) in enumerate(zip(contours, colors, strict=True)):
        _draw_vertices(canvas, points, example.keys[k].numpy(), color)
        cell = centers[k] + scale * stride * np.array([[0, 0], [1, 1]])
        if np.abs(wholes[k] - cell.mean(axis=0)).max() > 2 * scale * stride:
            ends = _fixed(np.array([cell.mean(axis=0), wholes[k]]))
            cv2.polylines(canvas, [ends], False, color, 1, cv2.LINE_AA, _SHIFT)
        _draw_cell(canvas, cell, color)
    if len(contours) <= _MOST_NAMES:
        labels = [printable(class_names[k]) for k in example.classes.tolist()]
        _draw_names(canvas, contours, labels, colors)
    return canvas


def _fixed(points: np.ndarray) -> np.ndarray:
    """Points (n, 2) in OpenCV's fixed-point positions; its top-left pixel is centred at (0, 0)."""
    return np.rint((points - 0.5) * (1 << _SHIFT)).astype(np.int32).reshape(-1, 1, 2)


def _draw_vertices(canvas: np.ndarray, points: np.ndarray, keys: np.ndarray, color: Color) -> None:
    """Dots, squares and a triangle, small on a small contour."""
    spacing = np.hypot(*(points - np.roll(points, 1, axis=0)).T).sum() / len(points)
    extent = float(np.ptp(points, axis=0).max())
    if spacing >= _CLOSEST_DOTS:
        for point in points[~keys]:
            _dot(canvas, point, min(0.3 * spacing, 2.5), color)
    size = min(max(extent / 30, 2.0), 4.0)
    for point in points[1:][keys[1:]]:
        _shape(canvas, point + size * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]))
    _triangle(canvas, points[0], 1.6 * size)


def _dot(canvas: np.ndarray, point: np.ndarray, radius: float, color: Color) -> None:
    x, y = _fixed(point).ravel().tolist()
    cv2.circle(canvas, (x, y), round(radius * (1 << _SHIFT)), color, -1, cv2.LINE_AA, _SHIFT)


def _triangle(canvas: np.ndarray, point: np.ndarray, size: float) -> None:
    _shape(canvas, point + size * np.array([[0, -1.2], [1.1, 0.8], [-1.1, 0.8]]))


def _shape(canvas: np.ndarray, corners: np.ndarray) -> None:
    """White with a black edge, to be seen on anything."""
    fixed = _fixed(corners)
    cv2.fillPoly(canvas, [fixed], _WHITE, cv2.LINE_AA, _SHIFT)
    cv2.polylines(canvas, [fixed], True, _BLACK, 1, cv2.LINE_AA, _SHIFT)


def _draw_cell(canvas: np.ndarray, cell: np.ndarray, color: Color) -> None:
    (x0, y0), (x1, y1) = np.floor(cell).astype(int).tolist()
    cv2.rectangle(canvas, (x0, y0), (x1 - 1, y1 - 1), color, cv2.FILLED)
    cv2.rectangle(canvas, (x0 - 1, y0 - 1), (x1, y1), _WHITE, 1)
    cv2.rectangle(canvas, (x0 - 2, y0 - 2), (x1 + 1, y1 + 1), _BLACK, 1)


def _draw_names(
    canvas: np.ndarray, contours: np.ndarray, names: Sequence[str], colors: Sequence[Color]
) -> None:
    """Class names above the contours, the large ones first, none over another."""
    taken = np.zeros(canvas.shape[:2], bool)
    low, high = contours.min(axis=1), contours.max(axis=1)
    for k in np.argsort(-(high - low).prod(axis=1), kind="stable").tolist():
        (width, height), below = cv2.getTextSize(names[k], FONT, 0.45, 1)
        x = int(np.clip(low[k, 0], 0, max(canvas.shape[1] - width - 4, 0)))
        y = int(np.clip(low[k, 1] - height - below - 8, 0, canvas.shape[0] - height - below - 4))
        box = taken[y : y + height + below + 4, x : x + width + 4]
        if box.any():
            continue
        box[:] = True
        cv2.rectangle(canvas, (x, y), (x + width + 3, y + height + below + 3), colors[k], -1)
        ink = _BLACK if np.dot(colors[k], (0.299, 0.587, 0.114)) > 128 else _WHITE
        place = (x + 2, y + height + 2)
        cv2.putText(canvas, names[k], place, FONT, 0.45, ink, 1, cv2.LINE_AA)


def _caption(example: TrainingExample, class_names: Sequence[str]) -> str:
    counts = Counter(class_names[k] for k in example.classes.tolist())
    listed = ", ".join(f"{name} {number}" for name, number in counts.most_common())
    pasted = 0 if example.pasted is None else int(example.pasted.sum())
    return f"{example.name}: {listed or 'no object'}{f' ({pasted} pasted)' if pasted else ''}"


def _legend(width: int, entries: Sequence[str]) -> np.ndarray:
    """What the signs mean, in as many lines as it takes."""
    lines = [np.full((LINE_HEIGHT, width, 3), 255, np.uint8)]
    x = 8
    for entry in entries:
        needed = 36 + cv2.getTextSize(entry, FONT, TEXT_SCALE, 1)[0][0]
        if x + needed > width and x > 8:
            lines.append(np.full((LINE_HEIGHT, width, 3), 255, np.uint8))
            x = 8
        line, spot = lines[-1], np.array([x + 8.0, 12.0])
        stroke = _fixed(spot + np.array([[-8.0, 0.0], [8.0, 0.0]]))
        if entry in ("pasted", "ignored"):
            line[4:21, int(x) : int(x) + 17] = _GREY
        if entry == "pasted":
            frame_pasted(line, stroke, _SHIFT)
        elif entry == "ignored":
            cells = IgnoredCells(torch.zeros(1, 2), torch.ones(1, 1, 1, dtype=torch.bool))
            shade_ignored(line[4:21, int(x) : int(x) + 17], cells)
        if entry not in ("centre cell", "ignored"):
            cv2.polylines(line, [stroke], False, _LEGEND_COLOR, 1, cv2.LINE_AA, _SHIFT)
        if entry == "vertex":
            _dot(line, spot, 2.5, _LEGEND_COLOR)
        elif entry == "key vertex":
            _shape(line, spot + 4 * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]))
        elif entry == "vertex 0":
            _triangle(line, spot, 6.4)
        elif entry.startswith("centre"):
            left = spot[0] - (0 if entry == "centre cell" else 8)
            cell = np.array([left, spot[1]]) + np.array([[-3, -3], [3, 3]])
            _draw_cell(line, cell, _LEGEND_COLOR)
        cv2.putText(line, entry, (x + 22, 17), FONT, TEXT_SCALE, _GREY, 1, cv2.LINE_AA)
        x += needed
    return np.concatenate(lines)
