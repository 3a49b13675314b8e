"""`e2ec predict` with a model that finds squares in place of a network, and images for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from e2ec.families.model_card import ModelCard
from e2ec.results.contours import Contours
from lib.errors import InputError

CLASSES = ("cell", "other")
CATEGORIES = (3, 7)


class Squares:
    """Finds as many squares in an image as its first pixel says, of both classes in turn.

    The first has a hole, the second overlaps it. An image whose first pixel says 99 is too much for
    it, as a huge one is for a network.
    """

    def __init__(self) -> None:
        self.card = ModelCard("squares", CLASSES, CATEGORIES, stage="final")
        self.class_names = CLASSES
        self.seen = 0
        self.stop_after: int | None = None

    def predict(self, images: list[np.ndarray], **asked: Any) -> list[Contours]:
        found = []
        if any(image[0, 0, 0] == 99 for image in images):
            raise InputError("image: its input is too large")
        for image in images:
            if self.seen == self.stop_after:
                raise KeyboardInterrupt
            self.seen += 1
            found.append(squares(*image.shape[:2], int(image[0, 0, 0])))
        return found


def squares(height: int, width: int, count: int) -> Contours:
    """The first from (2, 2) to (12, 12), each of the others 5 further to the right and down."""
    ring = np.array([[2, 2], [12, 2], [12, 12], [2, 12]], float)
    hole = np.array([[5, 5], [8, 5], [8, 8], [5, 8]], float)
    return Contours(
        height,
        width,
        CLASSES,
        np.arange(count) % 2,
        0.9 - 1e-9 * np.arange(count),
        [[ring + 5 * k] for k in range(count)],
        category_ids=CATEGORIES,
        holes=[[[hole]] if k == 0 else [[]] for k in range(count)],
    )


def use_squares(monkeypatch: pytest.MonkeyPatch) -> Squares:
    """The model in place of the one that options ask for."""
    model = Squares()
    monkeypatch.setattr("e2ec.app.commands.predict.load_detector", lambda options: model)
    return model


def write_scene(path: Path, count: int, height: int = 48, width: int = 64) -> Path:
    """An image in which so many squares are found."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((height, width, 3), count, np.uint8))
    return path
