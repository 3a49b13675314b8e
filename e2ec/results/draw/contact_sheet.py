"""Pictures of several examples on one sheet."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np

from dataset.loading.loader import LoadingFailure, TrainingDataset

FONT = cv2.FONT_HERSHEY_SIMPLEX
TEXT_SCALE = 0.5
LINE_HEIGHT = 24
_GAP = 12


def contact_sheet(
    examples: TrainingDataset,
    draw: Callable[[Any], tuple[np.ndarray, str]],
    *,
    title: str,
    legend: Callable[[int], np.ndarray],
    count: int = 12,
    columns: int = 3,
) -> np.ndarray | None:
    """A grid of training examples with their targets drawn, and a legend.

    The examples are those of the first epoch, exactly as training gets them; which ones is drawn at
    random from the seed. Images that cannot be read are passed over.

    Args:
        examples: the training path of the data.
        draw: makes a picture (H, W, 3) uint8 RGB and a caption of an example.
        title: written on top, after how many examples there are.
        legend: makes a legend (H, width, 3) of a width.
        count: at most this many examples.
        columns: of the grid.

    Returns:
        (H, W, 3) uint8 RGB, or None where there is no example.
    """
    chosen: list[Any] = []
    # No sample has index `length`: no example draws the same random numbers.
    rng = np.random.default_rng([examples.seed, 0, len(examples)])
    for index in rng.permutation(len(examples)).tolist():
        example = examples[0, index]
        if not isinstance(example, LoadingFailure):
            chosen.append(example)
        if len(chosen) == count:
            break
    if not chosen:
        return None
    tiles = []
    for picture, caption in map(draw, chosen):
        tiles.append(np.concatenate([picture, text_line(caption, picture.shape[1])]))
    grid = tile_grid(tiles, columns)
    width = grid.shape[1]
    facts = title.format(shown=len(chosen), all=len(examples))
    return np.concatenate([text_line(facts, width), legend(width), grid])


def text_line(text: str, width: int) -> np.ndarray:
    """A white line of text, (h, width, 3), cut off with dots where it is too long."""
    text = printable(text)
    while cv2.getTextSize(text, FONT, TEXT_SCALE, 1)[0][0] > width - 8 and len(text) > 4:
        text = text[:-4] + "..."
    line = np.full((LINE_HEIGHT, width, 3), 255, np.uint8)
    cv2.putText(line, text, (4, 17), FONT, TEXT_SCALE, (0, 0, 0), 1, cv2.LINE_AA)
    return line


def printable(text: str) -> str:
    """OpenCV's letters are those of ASCII."""
    return "".join(c if " " <= c <= "~" else "?" for c in text)


def tile_grid(tiles: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """Tiles of one size in rows, with gaps."""
    height, width = (side + _GAP for side in tiles[0].shape[:2])
    columns = min(columns, len(tiles))
    rows = math.ceil(len(tiles) / columns)
    grid = np.full((rows * height, columns * width - _GAP, 3), 255, np.uint8)
    for number, tile in enumerate(tiles):
        top, left = number // columns * height, number % columns * width
        grid[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    return grid
