"""Contours are learned from crops of one size, and shown in any view."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from front_doors import assert_one_line_error, call

import e2ec
from dataset.transforms.test_transform import TestView
from e2ec.app.commands.view_options import change_view
from e2ec.config import AugmentationSettings, Config, DataConfig, ModelConfig, RefinerConfig
from e2ec.families.bundled import BUNDLED_WEIGHTS
from e2ec.families.find_family import family_of

SHORT = DataConfig(augmentation=AugmentationSettings(scale_reference="short_side"))


@pytest.mark.parametrize("model", [ModelConfig(), RefinerConfig()], ids=["contour", "refiner"])
def test_whole_images_are_no_crops(model: ModelConfig) -> None:
    config = Config(name="x", model=model, data=SHORT)
    with pytest.raises(e2ec.InputError, match=r"scale_reference short_side: .*scale-reference"):
        family_of(config).example_maker(config, 3)


def test_check_says_so_in_one_line(tmp_path: Path) -> None:
    options = ("--data.augmentation.scale-reference", "short_side", "--data.synthetic-train", "8")
    ending = call("e2ec/__main__.py", "check", "synthetic", "--out", tmp_path, *options)
    assert_one_line_error(ending, "scale_reference short_side")


def test_contours_are_found_by_the_short_side() -> None:
    """The image at the top left of the input: as in a view that shows the same pixels."""
    model = e2ec.load_model(BUNDLED_WEIGHTS, device="cpu")
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    assert change_view(model, mode="pad", size=None, zoom=1.0)
    expected = model.predict(image, score_threshold=0.02)
    line = change_view(model, mode="short_side", size=(64, 96), zoom=1.0)
    assert line is not None and "short_side 64 x 96" in line
    assert model.card.view == TestView("short_side", size=(64, 96))
    found = model.predict(image, score_threshold=0.02)
    assert found.scores.tolist() == expected.scores.tolist()
