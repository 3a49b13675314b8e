"""A model without a network for tests of the web server: it outlines what is bright."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np

from dataset.transforms.test_transform import TestView
from e2ec.results.contours import Contours

CLASSES = ("spot", '<img src=x onerror="document.title=1">')


def picture(width: int = 64, height: int = 48, spots: int = 1) -> np.ndarray:
    """A black (height, width, 3) uint8 RGB picture with bright squares side by side."""
    image = np.zeros((height, width, 3), np.uint8)
    for i in range(spots):
        image[10:30, 10 + 30 * i : 30 + 30 * i] = (250, 240, 230)
    return image


def encoded(image: np.ndarray, suffix: str = ".png") -> bytes:
    return cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()


def bright(image: np.ndarray, source: str | None = None) -> Contours:
    """The outlines of what is bright, by OpenCV; even ones are of class 0, odd ones of class 1."""
    mask = (image.mean(axis=2) > 128).astype(np.uint8)
    found, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    parts = [[contour[:, 0] + 0.5] for contour in found if len(contour) > 2]
    return Contours(
        height=image.shape[0],
        width=image.shape[1],
        class_names=CLASSES,
        category_ids=(3, 7),
        labels=np.arange(len(parts)) % 2,
        scores=np.full(len(parts), 0.75),
        parts=parts,
        source=source,
    )


@dataclass
class BrightModel:
    """Takes lists of pictures, as a `Predictor` does; `gate` holds it back while it is cleared."""

    stages: tuple[str, ...] = ("init", "final")
    class_names: tuple[str, ...] = CLASSES
    card: Any = field(
        default_factory=lambda: SimpleNamespace(
            view=TestView("pad"), stage="final", category_ids=(3, 7)
        )
    )
    gate: threading.Event = field(default_factory=threading.Event)
    batches: list[int] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.gate.set()

    def predict(
        self, images: Any, *, score_threshold: float | None = None, stage: str | None = None
    ) -> Any:
        assert self.gate.wait(120)
        self.batches.append(len(images))
        self.threads.add(threading.current_thread().name)
        found = [bright(image) for image in images]
        return [one[one.scores >= (score_threshold or 0.0)] for one in found]
