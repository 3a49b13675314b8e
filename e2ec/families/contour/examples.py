"""Training examples of networks of contours, refiners among them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from dataset.compose.others import ExamplesOfSeveral
from dataset.contour.boundary_points import BoundaryPointSettings
from dataset.contour.targets import TrainingExample, build_example
from dataset.loading.sample import Sample
from e2ec.config import Config
from e2ec.families.contour.model_settings import crop_settings


def contour_examples(
    config: Config, num_classes: int, boundary: BoundaryPointSettings | None
) -> Callable[[Sample, np.random.Generator], TrainingExample]:
    """Makes examples as the settings of the data say; `boundary` says which points near boundaries
    they have, None of them without.

    Raises:
        InputError: training images are not cropped.
    """
    augmentation = crop_settings(config)
    make = partial(
        build_example,
        augmentation=augmentation,
        targets=config.data.targets,
        num_classes=num_classes,
        boundary=boundary,
    )
    return ExamplesOfSeveral(make) if augmentation.several else make
