"""The labels of a data set as the result type, to be drawn, written or scored."""

from __future__ import annotations

import numpy as np

from dataset.loading.sample import InstanceDataset, Sample
from e2ec.results.contours import Contours


def labelled_contours(sample: Sample, dataset: InstanceDataset) -> Contours:
    """The objects of an image with score 1: exact masks where the labels have them.

    Crowd regions are not among them.
    """
    objects = sample.instances
    return Contours(
        height=sample.image.shape[0],
        width=sample.image.shape[1],
        class_names=dataset.class_names,
        category_ids=dataset.category_ids,
        labels=np.array([i.class_index for i in objects], np.int64),
        scores=np.ones(len(objects)),
        parts=[i.parts if i.runs is None else [] for i in objects],
        source=sample.name,
        runs=[i.runs for i in objects],
    )
