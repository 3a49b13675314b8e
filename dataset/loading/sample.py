"""The typed sample that every data set yields, and the interface a data set offers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np


@dataclass(frozen=True)
class Instance:
    """One labelled object.

    Attributes:
        class_index: 0-based index into the data set's `class_names`.
        parts: closed polygons, each (n, 2) float64, x then y, in pixels of the original image with
            the centre of the top-left pixel at (0.5, 0.5); the last point is not repeated. An
            object that something in front of it divides has several parts.
        annotation_id: id of the annotation in its file, for messages and for grouping parts.
        runs: run lengths of the exact mask over the original image (`dataset.masks.run_lengths`),
            holes included; None where polygons are the source, or where it would be empty.
    """

    class_index: int
    parts: list[np.ndarray]
    annotation_id: int
    runs: np.ndarray | None = None


@dataclass(frozen=True)
class Sample:
    """One image with its objects.

    Attributes:
        image_id: id of the image in the ground truth.
        name: file name, for messages.
        image: (H, W, 3) uint8, RGB.
        instances: objects to learn from; crowd regions are not among them.
        ignored: regions of objects that nobody has told apart, such as COCO's crowds and the groups
            of Cityscapes: neither objects nor background. One that is a mask has no parts.
    """

    image_id: int
    name: str
    image: np.ndarray
    instances: list[Instance] = field(default_factory=list)
    ignored: list[Instance] = field(default_factory=list)


@runtime_checkable
class InstanceDataset(Protocol):
    """What training and evaluation ask of a data set."""

    @property
    def source(self) -> str:
        """What the labels come from, for messages."""

    @property
    def labelled(self) -> bool:
        """False for the images of a test set, whose labels are not public."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Name of every class, by class index."""

    @property
    def category_ids(self) -> tuple[int, ...]:
        """Category id in the ground truth of every class, by class index."""

    @property
    def image_ids(self) -> tuple[int, ...]:
        """Image id of every sample, in order."""

    @property
    def image_names(self) -> tuple[str, ...]:
        """File name of every sample, in order."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...

    def ground_truth(self) -> dict[str, Any]:
        """COCO-format dictionary of exactly these images, crowd regions included."""
