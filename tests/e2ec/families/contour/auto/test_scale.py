"""One scale for training and test, whatever objects and images are like."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset.checks.seen_sizes import ObjectSizes, seen_sizes, view_zooms
from dataset.transforms.augmentation import AugmentationSettings
from dataset.transforms.test_transform import TestView
from e2ec.families.contour.auto.scale import LONGEST_INPUT, choose_scale, match_test, match_training
from lib.errors import InputError

CROP = AugmentationSettings(crop_size=(256, 256))


def objects(sides: object, height: int = 512, width: int = 512) -> ObjectSizes:
    array = np.array(sides, np.float64)
    return ObjectSizes(array, np.tile([height, width], (len(array), 1)), len(array))


def ratio(sizes: ObjectSizes, augmentation: AugmentationSettings, view: TestView) -> float:
    seen = seen_sizes(sizes, sizes, augmentation, view)
    assert seen is not None
    return seen.ratio


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(1, 3000), st.integers(32, 6000), st.integers(32, 6000)),
        min_size=1,
        max_size=30,
    )
)
def test_training_and_test_show_one_scale(found: list[tuple[float, int, int]]) -> None:
    """Any mixture of objects and images: the ratio stays within 1.2."""
    sizes = ObjectSizes(
        np.array([side for side, *_ in found]), np.array([size for _, *size in found]), len(found)
    )
    chosen = choose_scale(sizes, CROP)
    assert 1 / 1.2 < ratio(sizes, chosen.augmentation, chosen.view) < 1.2


def test_small_objects_are_enlarged() -> None:
    """Nuclei of some 17 pixels, at a stride of 4: a few cells unless they are enlarged."""
    chosen = choose_scale(objects(np.linspace(6, 43, 50), 256, 256), CROP)
    assert chosen.view.mode == "pad" and 1.3 < chosen.view.zoom < 3.5
    assert chosen.augmentation.scale_reference == "native"
    low, high = chosen.augmentation.scale_range
    assert low < chosen.view.zoom < high


def test_large_photographs_are_shrunk() -> None:
    """4,000 pixels with objects of 700: whole objects in the crop, and a cheap test image."""
    chosen = choose_scale(objects(np.linspace(300, 1100, 50), 3000, 4000), CROP)
    assert chosen.view.zoom * 4000 <= LONGEST_INPUT
    assert 1100 * chosen.view.zoom < 256


def test_small_objects_in_large_photographs_stay_affordable() -> None:
    chosen = choose_scale(objects([20.0] * 10, 3000, 4000), CROP)
    assert 0.9 * LONGEST_INPUT <= chosen.view.zoom * 4000 <= LONGEST_INPUT


def test_objects_that_grow_with_their_images_are_shown_relative_to_them() -> None:
    """A tenth of the long side in images of 400, 1,000 and 4,000 pixels."""
    sizes = ObjectSizes(
        np.array([40.0, 100.0, 400.0]), np.array([[300, 400], [1000, 800], [4000, 3000]]), 1
    )
    chosen = choose_scale(sizes, CROP)
    assert chosen.augmentation.scale_reference == "relative" and chosen.view.mode == "long_side"
    seen = sizes.sides * view_zooms(sizes.images, chosen.view)
    assert seen == pytest.approx([seen[0]] * 3)


def test_no_object_no_scale() -> None:
    with pytest.raises(InputError, match="no object"):
        choose_scale(objects([]), CROP)


@pytest.mark.parametrize(
    "view",
    [
        TestView("pad", zoom=3.0),
        TestView("letterbox", size=(640, 640)),
        TestView("canvas"),
        TestView("short_side", size=(400, 600)),
    ],
    ids=lambda view: view.mode,
)
def test_a_given_view_decides_the_training_scale(view: TestView) -> None:
    sizes = objects([10, 20, 30], 300, 500)
    chosen = match_training(sizes, CROP, view)
    assert chosen.view == view
    assert ratio(sizes, chosen.augmentation, view) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("reference", ["native", "input", "long_side", "relative", "short_side"])
def test_given_training_scales_decide_the_view(reference: str) -> None:
    sizes = objects([10, 20, 30], 300, 500)
    augmentation = AugmentationSettings(
        crop_size=(256, 256),
        scale_reference=reference,
        scale_range=(0.6, 1.4),
        short_sides=(200, 300),
    )
    chosen = match_test(sizes, augmentation)
    assert chosen.augmentation == augmentation
    assert ratio(sizes, augmentation, chosen.view) == pytest.approx(1, abs=0.02)


def test_the_line_says_what_was_chosen() -> None:
    line = choose_scale(objects(np.linspace(6, 43, 50), 256, 256), CROP).line
    assert line.startswith("scale: ") and "times their size" in line and "256 x 256" in line
    short = AugmentationSettings(scale_reference="short_side", short_sides=(200, 300), longest=500)
    found = match_test(objects([10, 20, 30], 300, 500), short)
    assert found.view == TestView("short_side", size=(250, 500))
    assert "short sides of 200 to 300, long ones to 500" in found.line
