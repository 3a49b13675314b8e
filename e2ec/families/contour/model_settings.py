"""The settings that networks of contours, refiners among them, are made and taught by."""

from __future__ import annotations

from e2ec.config import AugmentationSettings, Config, ModelConfig
from lib.errors import InputError
from network.contour.contour_start import ContourStart


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


def contour_start(config: Config) -> ContourStart:
    """What stands before the refinements.

    Raises:
        InputError: a box's contour of another number of vertices than it can have.
    """
    start, vertices = model_settings(config).start, config.data.targets.vertices
    if start.initial != "learned" and vertices % 4:
        raise InputError(
            f"model.initial {start.initial}: a box's contour needs a multiple of 4 vertices "
            f"(--data.targets.vertices), not {vertices}"
        )
    return start
