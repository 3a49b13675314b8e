"""How large the network sees objects: zooms worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from label_scenes import box

from dataset.checks.seen_sizes import (
    ObjectSizes,
    format_seen_sizes,
    object_sizes,
    seen_sizes,
    training_zooms,
    view_zooms,
)
from dataset.index.builder import IndexBuilder
from dataset.index.label_index import LabelIndex
from dataset.transforms.augmentation import AugmentationSettings, sample_crop
from dataset.transforms.test_transform import TestView


def index() -> LabelIndex:
    builder = IndexBuilder("labels.json")
    builder.add_image(1, "a.png", 200, 100)
    builder.add_image(2, "b.png", 400, 400)
    builder.add_category(1, "cell")
    builder.add(id=1, image_id=1, category_id=1, polygons=[box(0, 0, 10, 10)])
    builder.add(id=2, image_id=1, category_id=1, polygons=[box(0, 0, 30, 30)], crowd=True)
    builder.add(id=3, image_id=2, category_id=1, polygons=[box(0, 0, 20, 20)])
    builder.add(id=4, image_id=2, category_id=1, polygons=[box(0, 0, 40, 40)])
    return builder.finish()


def test_objects_are_counted_without_crowds_and_of_the_part_alone() -> None:
    sizes = object_sizes(index())
    assert sizes.sides.tolist() == [10, 20, 40]
    assert sizes.images.tolist() == [[100, 200], [400, 400], [400, 400]]
    assert sizes.most == 2
    part = object_sizes(index().subset(image_ids=[1]))
    assert part.sides.tolist() == [10] and part.most == 1


IMAGES = np.array([[100, 200], [400, 400]])


@pytest.mark.parametrize(
    ("reference", "zooms"),
    [
        # The middle of the range is 0.75.
        ("native", [0.75, 0.75]),
        ("input", [1 / 0.75, 1 / 0.75]),
        # A crop of 64 pixels shows 0.75 long sides: 64 / (0.75 * 200), 64 / (0.75 * 400).
        ("long_side", [64 / 150, 64 / 300]),
        # The long side is 0.75 * 64 pixels long.
        ("relative", [48 / 200, 48 / 400]),
    ],
)
def test_training_zooms(reference: str, zooms: list[float]) -> None:
    settings = AugmentationSettings(
        crop_size=(64, 64), scale_range=(0.5, 1.0), scale_reference=reference
    )
    assert training_zooms(IMAGES, settings) == pytest.approx(zooms)


@pytest.mark.parametrize("reference", ["native", "input", "long_side", "relative"])
def test_training_zooms_are_those_of_the_crops(reference: str) -> None:
    """What is reported is what `sample_crop` does where its range is one value."""
    settings = AugmentationSettings(
        crop_size=(64, 96), scale_range=(0.8, 0.8), scale_reference=reference
    )
    matrix = sample_crop(100, 200, settings, np.random.default_rng(0))
    zoom = np.sqrt(abs(np.linalg.det(matrix[:, :2])))
    assert training_zooms(IMAGES[:1], settings) == pytest.approx([zoom])


@pytest.mark.parametrize("enabled", [True, False], ids=["drawn", "still"])
def test_training_zooms_by_the_short_side(enabled: bool) -> None:
    """Short sides of 60 to 80: 70 in the middle, 80 without augmentation; long ones of 150 at most,
    which leaves the first image at 150 / 200."""
    settings = AugmentationSettings(
        scale_reference="short_side", short_sides=(60, 80), longest=150, enabled=enabled
    )
    short = 70 if enabled else 80
    expected = [min(short / 100, 0.75), short / 400]
    assert training_zooms(IMAGES, settings) == pytest.approx(expected)


def test_an_unaugmented_crop_is_a_letterbox() -> None:
    settings = AugmentationSettings(crop_size=(64, 64), enabled=False)
    assert training_zooms(IMAGES, settings) == pytest.approx([64 / 200, 64 / 400])


def test_test_zooms() -> None:
    assert view_zooms(IMAGES, TestView("pad", zoom=2.0)) == pytest.approx([2, 2])
    assert view_zooms(IMAGES, TestView("letterbox", size=(64, 64))) == pytest.approx([0.32, 0.16])


def test_the_ratio_is_that_of_the_same_objects_both_ways() -> None:
    """Larger objects in the validation data are no fault of the settings."""
    train = object_sizes(index())
    larger = replace(train, sides=train.sides * 5)
    settings = AugmentationSettings(
        crop_size=(64, 64), scale_range=(0.5, 1.0), scale_reference="native"
    )
    seen = seen_sizes(train, larger, settings, TestView("pad", zoom=1.5))
    assert seen is not None
    assert seen.ratio == pytest.approx(2.0)  # 1.5 against 0.75
    assert seen.train["median"] == pytest.approx(15)  # 20 * 0.75
    assert seen.test["median"] == pytest.approx(150)  # 100 * 1.5
    assert "2.00 times as large" in format_seen_sizes(seen)


def test_no_objects_no_sizes() -> None:
    none = ObjectSizes(np.zeros(0), np.zeros((0, 2), np.int64), 0)
    assert seen_sizes(none, none, AugmentationSettings(), TestView()) is None
