"""The training path of contours, from a data set to examples."""

from __future__ import annotations

from functools import partial

from dataset.contour.targets import TargetSettings, build_example
from dataset.loading.loader import TrainingDataset
from dataset.loading.sample import InstanceDataset
from dataset.transforms.augmentation import AugmentationSettings


def training_path(
    dataset: InstanceDataset,
    augmentation: AugmentationSettings,
    targets: TargetSettings,
    *,
    seed: int,
) -> TrainingDataset:
    """Contour examples of a data set, by (epoch, index)."""
    make = partial(
        build_example,
        augmentation=augmentation,
        targets=targets,
        num_classes=len(dataset.class_names),
    )
    return TrainingDataset(dataset, make, seed=seed)
