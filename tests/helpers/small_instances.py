"""Instances of a tiny image, as masks and as polygons with holes."""

from __future__ import annotations

from typing import Any

import numpy as np

from dataset.masks.run_lengths import encode_mask
from e2ec.results.contours import Contours
from e2ec.results.instances import Instances

HEIGHT, WIDTH = 9, 11
# A frame of 6 x 5 pixels with a hole of 2 x 1 in it, and a pixel that touches its corner.
FRAME = np.zeros((HEIGHT, WIDTH), bool)
FRAME[1:6, 2:8] = True
FRAME[3, 4:6] = False
FRAME[6, 8] = True
OUTER = np.array([[1.0, 1.0], [9.0, 1.0], [9.0, 7.0], [1.0, 7.0]])
HOLE = np.array([[3.0, 3.0], [5.0, 3.0], [5.0, 5.0], [3.0, 5.0]])


def of_masks(found: list[np.ndarray], kind: type[Instances] = Contours) -> Any:
    return kind(
        height=HEIGHT,
        width=WIDTH,
        class_names=("a", "b"),
        labels=np.arange(len(found)) % 2,
        scores=np.full(len(found), 0.5),
        runs=[encode_mask(mask) for mask in found],
    )


def of_polygons(**changes: Any) -> Contours:
    values: dict[str, Any] = {
        "height": HEIGHT,
        "width": WIDTH,
        "class_names": ("a", "b"),
        "labels": [0],
        "scores": [0.5],
        "parts": [[OUTER]],
        "holes": [[[HOLE]]],
    }
    return Contours(**{**values, **changes})
