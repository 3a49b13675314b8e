"""The settings that networks of contours, refiners among them, are made and taught by."""

from __future__ import annotations

from e2ec.config import AugmentationSettings, Config, ModelConfig
from lib.errors import InputError


def model_settings(config: Config) -> ModelConfig:
    """Those of a run of the family."""
    assert isinstance(config.model, ModelConfig)
    return config.model


def crop_settings(config: Config) -> AugmentationSettings:
    """How training images are cropped.

    Raises:
        InputError: they are not, and batches of contours hold crops of one size.
    """
    augmentation = config.data.augmentation
    if augmentation.scale_reference == "short_side":
        raise InputError(
            "data.augmentation.scale_reference short_side: contours are learned from crops of one "
            "size; give --data.augmentation.scale-reference long_side, input, native or relative"
        )
    return augmentation
