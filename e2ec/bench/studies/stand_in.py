"""A model that finds one square, as slow as a test wants it, in place of a network."""

from __future__ import annotations

import time
from typing import Any, cast

import numpy as np

from e2ec.engine.predict.predictor import Predictor
from e2ec.results.contours import Contours


def stand_in(frames_a_second: float) -> Predictor:
    """One that is so slow, for whoever takes a `Predictor`."""
    return cast(Predictor, StandIn(1.0 / frames_a_second))


class StandIn:
    """Takes the place of a `Predictor`."""

    stages = ("init", "coarse")

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.asked: list[dict[str, Any]] = []

    def predict(self, image: np.ndarray, **asked: Any) -> Contours:
        time.sleep(self.seconds)
        self.asked.append(asked)
        del self.asked[:-1000]
        height, width = image.shape[:2]
        ring = np.array([[2, 2], [12, 2], [12, 12], [2, 12]], float)
        return Contours(
            height, width, ("thing",), np.zeros(1, np.int64), np.ones(1), [[ring]],
            source=asked.get("source"),
        )  # fmt: skip
