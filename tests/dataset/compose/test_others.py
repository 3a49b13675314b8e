"""Examples of several images: access to the others, likeness, mosaics, repeatability."""

from __future__ import annotations

import pickle
from functools import partial

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from dataset.compose.mosaic import mosaic
from dataset.compose.others import ExamplesOfSeveral, Others
from dataset.compose.statistics import ImageStatistics, image_statistics
from dataset.contour.target_settings import TargetSettings
from dataset.contour.targets import TrainingExample, build_example, collate
from dataset.loading.loader import EpochSampler, LoadingFailure, TrainingDataset, make_loader
from dataset.loading.sample import Instance, Sample
from dataset.masks.rasterize import polygons_to_mask
from dataset.synthetic.dataset import SyntheticDataset
from dataset.transforms.augmentation import AugmentationSettings
from lib.errors import InputError

SIZE = (128, 128)


class Uniform:
    """Images of one grey each, with a brighter square in the middle; image 3 cannot be read."""

    GREYS = (20, 30, 200, None, 25)
    source, labelled, class_names = "u", True, ("a",)

    def __len__(self) -> int:
        return len(self.GREYS)

    def __getitem__(self, index: int) -> Sample:
        grey = self.GREYS[index]
        if grey is None:
            raise InputError("u/3.png: cut short")
        image = np.full((160, 160, 3), grey, np.uint8)
        image[60:100, 60:100] += 40
        square = np.array([[60, 60], [100, 60], [100, 100], [60, 100]], np.float64)
        return Sample(index, f"{index}.png", image, [Instance(0, [square], 1)])


def maker(classes: int = 1, **augmentation: object) -> ExamplesOfSeveral:
    settings = AugmentationSettings(crop_size=SIZE, **augmentation)  # type: ignore[arg-type]
    make = partial(
        build_example, augmentation=settings, targets=TargetSettings(), num_classes=classes
    )
    return ExamplesOfSeveral(make)


BOTH = {"mosaic_probability": 0.5, "copy_paste_probability": 0.8, "copy_paste_matched": True}


def assert_same(first: TrainingExample, second: TrainingExample) -> None:
    for name in ("image", "contours", "classes", "gaussians", "pasted"):
        assert torch.equal(getattr(first, name), getattr(second, name)), name


def test_seed_epoch_and_index_decide() -> None:
    """Neither what was looked at before nor pickling makes a difference, and something is drawn."""
    data = SyntheticDataset(6, seed=0, size=(160, 160))
    keys = [(epoch, index) for epoch in range(2) for index in range(6)]
    forwards = TrainingDataset(data, maker(len(data.class_names), **BOTH), seed=3)
    first = {key: forwards[key] for key in keys}
    later = pickle.loads(pickle.dumps(forwards))
    backwards = TrainingDataset(data, maker(len(data.class_names), **BOTH), seed=3)
    for key in reversed(keys):
        assert_same(backwards[key], first[key])
        assert_same(later[key], first[key])
    assert sum(int(one.pasted.sum()) for one in first.values()) > 5
    assert len({one.image.sum().item() for one in first.values()}) == len(keys)


def test_workers_get_the_others() -> None:
    data = SyntheticDataset(4, seed=0, size=(160, 160))
    examples = TrainingDataset(data, maker(len(data.class_names), **BOTH), seed=3)
    sampler = EpochSampler(4, batch_size=4, seed=0)
    [there] = make_loader(examples, sampler, collate, num_workers=2)
    [here] = make_loader(examples, sampler, collate)
    assert torch.equal(there.images, here.images)
    assert torch.equal(there.contours, here.contours)


def test_without_luck_an_example_is_the_plain_one() -> None:
    """The draws for others come before and after the crop: an image alone has its labels as they
    are, and one that is not in a data set is shown alone."""
    sample = Uniform()[0]
    still = {"scale_reference": "native", "scale_range": (1.0, 1.0), "contrast": 0.0}
    make = maker(copy_paste_probability=0.5, **still)
    alone = make(sample, np.random.default_rng(0))
    assert alone.pasted is None
    plain = build_example(
        sample,
        np.random.default_rng(0),
        AugmentationSettings(crop_size=SIZE, **still),  # type: ignore[arg-type]
        TargetSettings(),
        1,
    )
    assert torch.equal(alone.image, plain.image)
    assert torch.equal(alone.contours, plain.contours)


def test_another_image_that_cannot_be_read_is_one_line() -> None:
    data = TrainingDataset(Uniform(), maker(mosaic_probability=1.0), seed=0)  # type: ignore[arg-type]
    failed = [one for k in range(6) if isinstance(one := data[k, 0], LoadingFailure)]
    assert failed
    assert {one.message for one in failed} == {"u/3.png: cut short"}


def test_statistics_by_hand() -> None:
    """Grey 20, objects brighter by 40."""
    assert_allclose(image_statistics(Uniform()[0]), [20, 20, 20, 40, 40, 40])
    empty = Sample(0, "x", np.zeros((9, 9, 3), np.uint8))
    assert np.isnan(image_statistics(empty)).all()


def test_the_most_alike_is_taken_and_a_stranger_is_not() -> None:
    class Readable(Uniform):
        GREYS = (20, 30, 200, 90, 26)

    data = Readable()
    for seed in range(5):  # all of the four others are among the 8 that are looked at
        near = Others(data, 0, ImageStatistics()).draw_alike(  # type: ignore[arg-type]
            data[0], np.random.default_rng(seed)
        )
        assert near is not None
        assert near.name == "4.png"
    assert Others(data, 2).draw_alike(data[2], np.random.default_rng(0)) is None  # type: ignore[arg-type]


def test_an_image_alone_has_no_others() -> None:
    data = SyntheticDataset(1, seed=0, size=(160, 160))
    assert Others(data, 0).draw(np.random.default_rng(0)) is None
    example = TrainingDataset(data, maker(len(data.class_names), **BOTH), seed=0)[0, 0]
    assert not example.pasted.any()


@pytest.mark.parametrize("seed", range(4))
def test_mosaic_labels_are_where_the_objects_are(seed: int) -> None:
    """All bright pixels are those of a label, and none is another's."""

    class Bright(Uniform):
        def __getitem__(self, index: int) -> Sample:
            image = np.full((160, 200, 3), 20, np.uint8)
            image[30:130, 20:170] = 220
            outline = np.array([[20, 30], [170, 30], [170, 130], [20, 130]], np.float64)
            return Sample(index, "x", image, [Instance(0, [outline], 1)])

    data = Bright()
    settings = AugmentationSettings(
        crop_size=SIZE, scale_reference="native", scale_range=(0.7, 1.5), mosaic_probability=1.0
    )
    result = mosaic(data[0], Others(data, 0), settings, np.random.default_rng(seed))  # type: ignore[arg-type]
    masks = [polygons_to_mask(one.parts, *SIZE) for one in result.instances]
    bright, labelled = result.image[..., 0] >= 120, np.any(masks, axis=0)
    assert (bright & labelled).sum() / (bright | labelled).sum() >= 0.98
    assert sum(mask.sum() for mask in masks) == labelled.sum()


def test_mosaic_shows_four_corners_around_a_point() -> None:
    """With labels that fill their images, they meet at one point and fill the crop."""

    class Full(Uniform):
        def __getitem__(self, index: int) -> Sample:
            whole = np.array([[0, 0], [400, 0], [400, 400], [0, 400]], np.float64)
            image = np.full((400, 400, 3), 40 + 50 * index, np.uint8)
            return Sample(index, "x", image, [Instance(0, [whole], 1)])

    data = Full()
    settings = AugmentationSettings(
        crop_size=SIZE, scale_reference="native", scale_range=(1.0, 1.0)
    )
    result = mosaic(data[0], Others(data, 0), settings, np.random.default_rng(1))  # type: ignore[arg-type]
    boxes = np.array([[one.parts[0].min(0), one.parts[0].max(0)] for one in result.instances])
    x, y = boxes[0, 1]
    expected = [[[0, 0], [x, y]], [[x, 0], [128, y]], [[0, y], [x, 128]], [[x, y], [128, 128]]]
    assert_array_equal(boxes, expected)
    assert 32 <= x <= 96
    for (x0, y0), (x1, y1) in boxes.astype(int).tolist():
        corner = result.image[y0:y1, x0:x1]
        assert (corner == corner[0, 0, 0]).all()
        assert corner[0, 0, 0] > 0
