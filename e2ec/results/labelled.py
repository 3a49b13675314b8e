"""The labels of a data set as the result type, to be drawn, written or scored."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from dataset.loading.sample import Sample
from e2ec.results.contours import Contours


class Classes(Protocol):
    """What has classes: a data set, or the card of a model."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Name of every class, by class index."""

    @property
    def category_ids(self) -> tuple[int, ...]:
        """COCO category id of every class."""


def labelled_contours(sample: Sample, classes: Classes) -> Contours:
    """The objects of an image, of these classes, with score 1: exact masks where the labels have
    them.

    Crowd regions are not among them.
    """
    objects = sample.instances
    return Contours(
        height=sample.image.shape[0],
        width=sample.image.shape[1],
        class_names=classes.class_names,
        category_ids=classes.category_ids,
        labels=np.array([i.class_index for i in objects], np.int64),
        scores=np.ones(len(objects)),
        parts=[i.parts if i.runs is None else [] for i in objects],
        source=sample.name,
        runs=[i.runs for i in objects],
    )
