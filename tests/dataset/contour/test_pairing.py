"""Labels that are paired by distance, as before the paper."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dataset.contour.pairing import nearest_contours, nearest_shift
from dataset.contour.target_settings import TargetSettings
from dataset.contour.targets import build_example
from dataset.transforms.augmentation_settings import AugmentationSettings
from e2ec.engine.data.open_data import build_dataset
from e2ec.presets import load_preset
from lib.ops import align_contours
from lib.polygons.ragged import Ragged


@pytest.mark.parametrize("count", [8, 12, 15])
def test_the_shift_is_the_best_of_all(count: int) -> None:
    rng = np.random.default_rng(count)
    labels, shapes = rng.normal(size=(2, 6, count, 2)) * 20 + 300
    turned = nearest_shift(labels, shapes)
    for label, shape, found in zip(labels, shapes, turned, strict=True):
        costs = [np.square(np.roll(label, -k, axis=0) - shape).sum() for k in range(count)]
        assert np.array_equal(found, np.roll(label, -int(np.argmin(costs)), axis=0))


def test_an_upright_object_is_paired_as_by_direction_and_a_leaning_one_is_not() -> None:
    """A square's label begins below its centre either way. The leaning bar crosses the vertical
    through its centre just beside the centre, so that the aligned vertex 0 is a long way off the
    octagon's lowest."""
    square = np.array([[10.0, 10], [30, 10], [30, 30], [10, 30]])
    bar = np.array([[0.0, 0], [4, 0], [60, 56], [60, 60], [56, 60], [0, 4]])
    packed = Ragged.pack([square, bar])
    aligned, nearest = align_contours(packed, 64, 1), nearest_contours(packed, 64)
    assert np.allclose(aligned[0], nearest[0])
    assert not np.allclose(aligned[1], nearest[1], atol=5)
    order = np.lexsort(aligned[1].T), np.lexsort(nearest[1].T)
    assert np.allclose(aligned[1][order[0]], nearest[1][order[1]])  # the same points


def test_examples_are_paired_as_the_settings_say() -> None:
    """Directions have no effect on labels paired by distance; all else is as it was."""
    sample = build_dataset(load_preset("synthetic"), "val")[0]
    plain = TargetSettings(vertices=64)

    def example(targets: TargetSettings):  # type: ignore[no-untyped-def]
        rng = np.random.default_rng(1)
        augmentation = AugmentationSettings(crop_size=(128, 128))
        return build_example(sample, rng, augmentation, targets, 3)

    one, other = example(plain), example(replace(plain, pairing="nearest"))
    assert np.array_equal(one.image, other.image) and np.array_equal(one.centers, other.centers)
    assert not np.array_equal(one.contours, other.contours)
    again = example(replace(plain, pairing="nearest", directions=16))
    assert np.array_equal(other.contours, again.contours)
    # One direction is none: only the first vertex is fixed.
    first, none = (example(replace(plain, directions=m)) for m in (1, 0))
    assert np.array_equal(first.contours, none.contours)
    assert not np.array_equal(first.contours, one.contours)


def test_a_box_has_no_contour_of_66_vertices() -> None:
    with pytest.raises(ValueError, match="multiple of 4 vertices, not 66"):
        TargetSettings(vertices=66, pairing="nearest")
