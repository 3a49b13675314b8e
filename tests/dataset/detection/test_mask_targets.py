"""Targets of detectors with masks: whole objects, pixel by pixel, the same every time."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_masks import random_masks

from dataset.contour.boundary_points import BoundaryLabels, BoundaryPointSettings
from dataset.detection.object_masks import object_mask
from dataset.detection.targets import (
    MaskBatch,
    MaskExample,
    build_mask_example,
    collate_masks,
)
from dataset.loading.sample import Instance, Sample
from dataset.masks.rasterize import polygons_to_mask
from dataset.masks.run_lengths import encode_mask
from dataset.masks.tracing import mask_to_contours
from dataset.synthetic.dataset import SyntheticDataset
from dataset.transforms.augmentation import AugmentationSettings, sample_map
from lib.errors import InputError

SIZE = (60, 90)
STILL: dict[str, Any] = {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0, "lighting": 0.0}
SHORT = AugmentationSettings(scale_reference="short_side", short_sides=(40, 90), longest=120)
CROP = AugmentationSettings(crop_size=(64, 96), scale_reference="native", scale_range=(0.6, 2.1))
TURNED = replace(SHORT, rotate90=True, vertical_flip_probability=0.5)
POINTS = BoundaryPointSettings(points=16, spread=0.05, box_jitter=0.05)


def masked(mask: np.ndarray, class_index: int = 0) -> Instance:
    """An object with an exact mask, its outlines as parts."""
    return Instance(class_index, mask_to_contours(mask), 1, encode_mask(mask))


def drawn(seed: int) -> list[Instance]:
    """Objects with holes, parts, single pixels, cut by the border; every second one by polygons."""
    masks = [mask > 0 for mask in random_masks(10, *SIZE)[1:]]
    order = np.random.default_rng(seed).permutation(len(masks))[:5]
    objects = [masked(masks[k], int(k) % 3) for k in order.tolist() if masks[k].any()]
    return [replace(one, runs=None) if k % 2 else one for k, one in enumerate(objects)]


def sample(*instances: Instance) -> Sample:
    pixels = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    return Sample(7, "x.png", pixels, list(instances))


def made(one: Sample, settings_: AugmentationSettings, seed: int = 0, **also: Any) -> MaskExample:
    values = {"num_classes": 3, "smallest": 0.0, **also}
    return build_mask_example(one, np.random.default_rng(seed), settings_, **values)


def pixel_by_pixel(
    instance: Instance, matrix: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """The slow version of `object_mask`, and where it is certain: centres of pixels that fall onto
    the edge between two pixels of the image may be of either."""
    if instance.runs is None:
        parts = [part @ matrix[:, :2].T + matrix[:, 2] for part in instance.parts]
        return polygons_to_mask(parts, *size), np.ones(size, bool)
    flat = np.zeros(SIZE[0] * SIZE[1], bool)
    start = 0
    for number, length in enumerate(instance.runs.tolist()):
        flat[start : start + length] = number % 2 == 1
        start += length
    mask, certain = np.zeros(size, bool), np.zeros(size, bool)
    for row in range(size[0]):
        for column in range(size[1]):
            place = np.linalg.solve(matrix[:, :2], [column + 0.5, row + 0.5] - matrix[:, 2])
            x, y = np.floor(place).astype(int).tolist()
            certain[row, column] = np.abs(place - np.round(place)).min() > 1e-6
            inside = 0 <= x < SIZE[1] and 0 <= y < SIZE[0]
            mask[row, column] = inside and flat[x * SIZE[0] + y]
    return mask, certain


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([SHORT, CROP, TURNED]))
def test_masks_are_those_of_the_pixels(seed: int, options: AugmentationSettings) -> None:
    """Zoomed, flipped, turned and cut: holes and parts are where the slow version has them."""
    rng = np.random.default_rng(seed)
    size, matrix = sample_map(*SIZE, options, rng)
    for instance in drawn(seed):
        mask = np.zeros(size, np.uint8)
        object_mask(instance, SIZE, matrix, out=mask)
        expected, certain = pixel_by_pixel(instance, matrix, size)
        assert np.array_equal(mask[certain], expected[certain])


@pytest.mark.parametrize("options", [SHORT, CROP, TURNED], ids=["whole", "crop", "turned"])
def test_an_example_has_the_objects_that_it_shows(options: AugmentationSettings) -> None:
    """Objects are whole; boxes end where their masks do; what is not shown is left out."""
    for seed in range(8):
        one = sample(*drawn(seed))
        example = made(one, options, seed)
        _, matrix = sample_map(*SIZE, options, np.random.default_rng(seed))
        size = tuple(example.image.shape[1:])
        expected = []
        for instance in one.instances:
            mask = np.zeros(size, np.uint8)
            object_mask(instance, SIZE, matrix, out=mask)
            if mask.any():
                rows, columns = np.nonzero(mask)
                box = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
                expected.append((instance.class_index, box, mask))
        assert example.classes.tolist() == [label for label, _, _ in expected]
        assert example.boxes.tolist() == [box for _, box, _ in expected]
        assert np.array_equal(example.masks.numpy(), np.array([m for *_, m in expected]))
        assert example.boxes.dtype == torch.float32 and example.masks.dtype == torch.uint8


def test_a_ring_in_two_parts_by_hand() -> None:
    """Unchanged pixels: the mask is the label's, its hole and second part included."""
    mask = np.zeros(SIZE, bool)
    mask[10:30, 10:40] = True
    mask[15:20, 20:30] = False
    mask[50:60, 80:90] = True
    still = replace(SHORT, short_sides=(60, 60), flip_probability=0.0, **STILL)
    one = sample(masked(mask, 2))
    example = made(one, still)
    assert np.array_equal(example.masks[0].numpy(), mask)
    assert example.boxes.tolist() == [[10, 10, 90, 60]] and example.classes.tolist() == [2]
    assert np.array_equal(example.image.numpy().transpose(1, 2, 0), one.image)
    flipped = made(one, replace(still, flip_probability=1.0))
    assert np.array_equal(flipped.masks[0].numpy(), mask[:, ::-1])
    assert flipped.boxes.tolist() == [[0, 10, 80, 60]]
    assert np.array_equal(flipped.image.numpy().transpose(1, 2, 0), one.image[:, ::-1])


def test_objects_of_few_pixels_are_left_out() -> None:
    """10 pixels are not more than 10; the boundary's entries are of those that stay."""
    masks = np.zeros((2, *SIZE), bool)
    masks[0, 5:10, 5:7] = True
    masks[1, 20:31, 30:31] = True
    still = replace(SHORT, short_sides=(60, 60), flip_probability=0.0, **STILL)
    one = sample(*(masked(mask, k) for k, mask in enumerate(masks)))
    assert made(one, still, smallest=9.0).classes.tolist() == [0, 1]
    example = made(one, still, smallest=10.0, boundary=POINTS)
    assert example.classes.tolist() == [1]
    assert example.boundary is not None and example.boundary.points.shape == (1, 16, 2)
    assert len(made(one, still, smallest=11.0).masks) == 0


def test_a_class_that_the_network_lacks_is_named() -> None:
    one = sample(*drawn(0))
    with pytest.raises(InputError, match=r"x\.png: an object of class 2.* 2 classes"):
        made(one, SHORT, num_classes=2)


def test_boundary_points_are_of_whole_objects() -> None:
    """One entry an object, its box around all parts, points along all of them and the hole."""
    mask = np.zeros(SIZE, bool)
    mask[10:30, 10:40] = True
    mask[15:25, 20:30] = False
    mask[40:60, 60:90] = True
    still = replace(SHORT, short_sides=(60, 60), flip_probability=0.0, **STILL)
    points = replace(POINTS, points=600, box_jitter=0.0)
    found = made(sample(masked(mask), masked(mask[:, ::-1])), still, boundary=points).boundary
    assert found is not None and found.points.shape == (2, 600, 2)
    assert found.boxes[0].tolist() == [10, 10, 90, 60]
    x, y = np.floor(found.points[0].double().numpy()).astype(int).T
    shown = (x >= 0) & (y >= 0) & (x < 90) & (y < 60)
    expected = ~mask[y.clip(0, 59), x.clip(0, 89)] | ~shown
    assert np.array_equal(found.outside[0].numpy(), expected)
    in_hole = (x > 20) & (x < 29) & (y > 15) & (y < 24)
    assert in_hole.sum() > 20 and (x > 60).sum() > 100 and (x < 40).sum() > 100


def same(one: MaskExample, other: MaskExample) -> bool:
    for field in fields(one):
        left, right = getattr(one, field.name), getattr(other, field.name)
        if isinstance(left, BoundaryLabels):
            left, right = left.points, right.points
        equal = torch.equal(left, right) if isinstance(left, torch.Tensor) else left == right
        if not equal:
            return False
    return True


def test_equal_random_states_give_equal_examples() -> None:
    one = sample(*drawn(3))
    first, again, other = (made(one, SHORT, seed, boundary=POINTS) for seed in (5, 5, 6))
    assert same(first, again)
    assert first.seed != other.seed and 0 <= first.seed < 2**63
    assert not same(first, replace(other, seed=first.seed))


@pytest.mark.parametrize(
    ("options", "shape"),
    [(replace(SHORT, enabled=False), (80, 120)), (replace(CROP, enabled=False), (64, 96))],
    ids=["short side", "letterbox"],
)
def test_without_augmentation_the_whole_image_is_shown(
    options: AugmentationSettings, shape: tuple[int, int]
) -> None:
    """60 x 90 at short sides of at most 90, long ones of 120: 80 x 120; or as large as fits."""
    one = sample(*drawn(0))
    first, second = made(one, options, 1), made(one, options, 2)
    assert same(first, replace(second, seed=first.seed))
    assert tuple(first.image.shape[1:]) == shape
    assert len(first.classes) == len(one.instances)


def test_a_batch_is_padded_to_multiples_of_32() -> None:
    """40 x 60 and 70 x 50: both 96 x 64, black and without masks beyond what they show."""
    samples = [sample(*drawn(1)), replace(sample(), image=sample().image[:, :45], image_id=8)]
    still = replace(SHORT, flip_probability=0.0, **STILL)
    sides = (replace(still, short_sides=(40, 40)), replace(still, short_sides=(52, 52)))
    examples = [made(one, side, 4) for one, side in zip(samples, sides, strict=True)]
    batch = collate_masks(examples)
    assert [tuple(example.image.shape) for example in examples] == [(3, 40, 60), (3, 70, 52)]
    assert batch.images.shape == (2, 3, 96, 64) and batch.sizes.tolist() == [[40, 60], [70, 52]]
    for pixels, example in zip(batch.images, examples, strict=True):
        height, width = example.image.shape[1:]
        assert torch.equal(pixels[:, :height, :width], example.image)
        assert not pixels[:, height:].any() and not pixels[:, :, width:].any()
    count = len(examples[0].classes)
    assert count > 0 and batch.image_index.tolist() == [0] * count
    assert batch.masks.shape == (count, 96, 64)
    assert torch.equal(batch.masks[:, :40, :60], examples[0].masks)
    assert batch.masks.sum() == examples[0].masks.sum()
    assert torch.equal(batch.boxes, examples[0].boxes)
    assert batch.image_ids == [7, 8] and batch.names == ["x.png", "x.png"]
    assert batch.seeds.tolist() == [example.seed for example in examples]
    assert batch.boundary is None


def test_a_batch_without_objects_and_one_with_boundaries() -> None:
    empty = collate_masks([made(sample(), SHORT, 0, boundary=POINTS)])
    assert empty.boxes.shape == (0, 4) and empty.classes.dtype == torch.int64
    assert len(empty.masks) == 0 and len(empty.image_index) == 0
    assert empty.boundary is not None and empty.boundary.points.shape == (0, 16, 2)
    pair = collate_masks([made(sample(*drawn(k)), SHORT, k, boundary=POINTS) for k in range(2)])
    assert pair.boundary is not None
    assert len(pair.boundary.boxes) == len(pair.classes) == len(pair.image_index)


def test_all_tensors_of_a_batch_move() -> None:
    batch = collate_masks([made(sample(*drawn(0)), SHORT, 0, boundary=POINTS)])
    moved = batch.to("meta")
    assert isinstance(moved, MaskBatch) and moved.boundary is not None
    tensors = [v for v in vars(moved).values() if isinstance(v, torch.Tensor)]
    assert len(tensors) == 7
    assert all(one.is_meta for one in (*tensors, moved.boundary.points, moved.boundary.boxes))
    assert not batch.images.is_meta and moved.names == batch.names


def test_generated_scenes_become_objects() -> None:
    """Divided by bars, objects stay one: as many as the labels have, however many parts."""
    scenes = SyntheticDataset(4, size=SIZE, occluders=True)
    still = replace(SHORT, short_sides=(60, 60), flip_probability=0.0)
    divided = 0
    for k in range(4):
        example = made(scenes[k], still, num_classes=len(scenes.class_names))
        parts = [len(instance.parts) for instance in scenes[k].instances]
        assert len(example.classes) == len(parts)
        divided += max(parts) > 1
    assert divided > 0
