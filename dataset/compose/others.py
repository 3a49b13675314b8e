"""Access of an example to the other images of its data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from dataset.compose.statistics import ImageStatistics
from dataset.loading.sample import InstanceDataset, Sample


@dataclass(frozen=True)
class Others:
    """The data set around one of its images.

    Attributes:
        dataset: all images with their labels.
        index: of the image that the others are others of.
        statistics: of images that were looked at before.
    """

    dataset: InstanceDataset
    index: int
    statistics: ImageStatistics = field(default_factory=ImageStatistics)

    def draw(self, rng: np.random.Generator) -> Sample | None:
        """Another image, each as likely as the next; None where there is no other.

        Raises:
            InputError: it cannot be read.
        """
        drawn = self._indexes(rng, 1)
        return self.dataset[drawn[0]] if drawn else None

    def draw_alike(self, sample: Sample, rng: np.random.Generator) -> Sample | None:
        """Of some other images that which looks most like `sample`, the image that this is around;
        None where none of them looks like it.

        Raises:
            InputError: one cannot be read.
        """
        own = self.statistics.of(self.index, lambda: sample)
        drawn = self._indexes(rng, self.statistics.TRIED)
        found = [self.statistics.of(k, partial(self.dataset.__getitem__, k)) for k in drawn]
        best = self.statistics.most_alike(own, found)
        return None if best is None else self.dataset[drawn[best]]

    def _indexes(self, rng: np.random.Generator, count: int) -> list[int]:
        """At most `count` of the other images, all different."""
        others = len(self.dataset) - 1
        if others == 0:
            return []
        drawn = rng.choice(others, size=min(count, others), replace=False)
        return [k + (k >= self.index) for k in drawn.tolist()]


@dataclass(frozen=True)
class ExamplesOfSeveral:
    """Makes examples that may show more than one image: what `TrainingDataset` calls with the whole
    data set. It can be pickled; what an example looks like depends on (seed, epoch, index) alone.

    Attributes:
        make: makes an example of a sample, a generator and, by the name `others`, `Others`.
        statistics: of the images of one data set, filled as they are looked at.
    """

    make: Callable[..., Any]
    statistics: ImageStatistics = field(default_factory=ImageStatistics)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Any:
        """An example of this image alone."""
        return self.make(sample, rng)

    def among(self, dataset: InstanceDataset, index: int, rng: np.random.Generator) -> Any:
        """The example of the image at a position in a data set.

        Raises:
            InputError: an image cannot be read.
        """
        return self.make(dataset[index], rng, others=Others(dataset, index, self.statistics))
