"""Training targets: which parts are kept, where their centres and contours lie, batches."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from dataset.contour.targets import TargetSettings, TrainingExample, build_example, collate
from dataset.loading.sample import Instance, Sample
from dataset.synthetic.dataset import SyntheticDataset
from dataset.transforms.augmentation import AugmentationSettings

STILL = AugmentationSettings(crop_size=(128, 128), enabled=False)


def rectangle(x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], dtype=np.float64)


def sample(*parts: list[np.ndarray], size: tuple[int, int] = (128, 128)) -> Sample:
    """Objects of class 0, 1, 2, ... with the given parts on a noise image."""
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    return Sample(5, "x.png", image, [Instance(k, p, k + 1) for k, p in enumerate(parts)])


def build(
    what: Sample, settings: TargetSettings | None = None, seed: int = 0, **augmentation: object
) -> TrainingExample:
    options = AugmentationSettings(crop_size=(128, 128), **augmentation)  # type: ignore[arg-type]
    return build_example(
        what, np.random.default_rng(seed), options, settings or TargetSettings(), 4
    )


def test_one_object_by_hand() -> None:
    """Rectangle (20, 40)-(60, 72) in a 128 x 128 view that changes nothing: box centre (40, 56), in
    cells (10, 14); vertex 0 is (40, 72), vertices 32, 64, 96 lie right, up, left."""
    what = sample([rectangle(20, 40, 60, 72)])
    example = build(what, enabled=False)
    assert_array_equal(example.image, what.image.transpose(2, 0, 1))
    assert example.centers.tolist() == [[10, 14]]
    assert example.classes.tolist() == [0]
    assert_allclose(example.contours[0, ::32], [[40, 72], [60, 56], [40, 40], [20, 56]], atol=1e-4)
    heatmap = collate([example]).heatmaps[0]
    assert heatmap.shape == (4, 32, 32)
    assert heatmap[0, 14, 10] == 1
    assert (heatmap[0] == 1).sum() == 1
    assert heatmap[1:].sum() == 0
    # Corners are at most half a step of the equal spacing from the label's vertices, so with
    # tolerance 12 there are four more key vertices than vertex 0.
    assert example.keys[0, 0]
    assert example.keys[0].sum() == 5
    assert (example.image_id, example.name) == (5, "x.png")


def test_letterboxed_labels_follow_the_image() -> None:
    """64 x 32 image into 128 x 128: zoom 2, 32 black columns left and right."""
    example = build(sample([rectangle(8, 8, 24, 40)], size=(64, 32)), enabled=False)
    contour = example.contours[0].numpy()
    assert_allclose(contour.min(axis=0), [32 + 16, 16], atol=1e-4)
    assert_allclose(contour.max(axis=0), [32 + 48, 80], atol=1e-4)


def test_every_part_is_an_instance_with_the_centre_of_its_object() -> None:
    """Parts (0, 0)-(20, 20) and (40, 40)-(70, 70): the box of both is (0, 0)-(70, 70), its centre
    (35, 35), in cells 8.75. An object in one piece: (80, 0)-(99, 30), its own centre (89.5, 15)."""
    example = build(
        sample([rectangle(0, 0, 20, 20), rectangle(40, 40, 70, 70)], [rectangle(80, 0, 99, 30)]),
        enabled=False,
    )
    assert example.classes.tolist() == [0, 0, 1]
    expected = [[8.75, 8.75], [8.75, 8.75], [22.375, 3.75]]
    assert_allclose(example.object_centers, expected)
    assert example.object_centers.dtype == torch.float32
    batch = collate([example, build(sample(), enabled=False), example])
    assert_allclose(batch.object_centers, expected * 2)
    assert_allclose(batch.to("cpu").object_centers, expected * 2)


def test_object_centres_are_of_what_the_crop_shows() -> None:
    """One part reaches out of the crop, one lies outside, one is too small to be trained on but
    counts: the box is (40, 8)-(128, 60), its centre (84, 34)."""
    parts = [
        rectangle(100, 20, 160, 60),
        rectangle(140, 80, 180, 120),
        rectangle(40, 8, 48, 12),
    ]
    example = build(sample(parts), enabled=False)
    assert_allclose(example.object_centers, [[21, 8.5]])


@pytest.mark.parametrize(
    ("boxes", "centers"),
    [
        # Clipped to (128, 128): centre (114, 114) / 4 = 28.5 -> 29.
        ([(100, 100, 160, 140)], [[29, 29]]),
        # A sliver at x = 126..128: centre 127 / 4 = 31.75 would round to cell 32 of 32.
        ([(126, 0, 140, 120)], [[31, 15]]),
        # In the same cell both are kept.
        ([(20, 20, 60, 60), (30, 30, 50, 50)], [[10, 10], [10, 10]]),
    ],
)
def test_centres(boxes: list[tuple[float, ...]], centers: list[list[int]]) -> None:
    example = build(sample(*([rectangle(*box)] for box in boxes)), enabled=False)
    assert example.contours.max() <= 128
    assert example.centers.tolist() == centers
    assert example.classes.tolist() == list(range(len(boxes)))


@pytest.mark.parametrize(
    ("points", "kept"),
    [
        (rectangle(0, 0, 8, 10), 0),  # 80 = 5 cells of 16 square pixels: not above the minimum
        (rectangle(0, 0, 8.1, 10), 1),
        (rectangle(130, 0, 160, 90), 0),  # outside
        (rectangle(120, -50, 160, -1), 0),
        (np.array([[5.0, 5.0], [90.0, 90.0], [5.0, 5.0], [90.0, 90.0]]), 0),  # two distinct points
        (rectangle(127.9, 0, 300, 100), 0),  # 10 square pixels inside
    ],
)
def test_unusable_parts_are_dropped(points: np.ndarray, kept: int) -> None:
    assert len(build(sample([points]), enabled=False).classes) == kept


def test_no_objects() -> None:
    """Empty tensors of the right shapes; such examples go into batches like any other."""
    empty = build(sample(), enabled=False)
    assert empty.centers.shape == (0, 2)
    assert empty.classes.shape == (0,)
    assert empty.contours.shape == (0, 128, 2)
    assert empty.keys.shape == (0, 128)
    assert empty.object_centers.shape == (0, 2)
    assert empty.classes.dtype == torch.int64
    batch = collate([empty, build(sample([rectangle(0, 0, 50, 50)])), empty])
    assert batch.images.shape == (3, 3, 128, 128)
    assert collate([empty]).contours.shape == (0, 128, 2)


def test_collate_keeps_track_of_images() -> None:
    one = build(sample([rectangle(0, 0, 50, 50)]), enabled=False)
    two = build(sample([rectangle(0, 0, 30, 60)], [rectangle(50, 50, 99, 99)]), enabled=False)
    batch = collate([two, build(sample(), enabled=False), one])
    assert batch.image_index.tolist() == [0, 0, 2]
    assert batch.classes.tolist() == [0, 1, 0]
    assert torch.equal(batch.contours[2], one.contours[0])
    assert batch.image_ids == [5, 5, 5]
    moved = batch.to("cpu")
    assert torch.equal(moved.keys, batch.keys)
    assert moved.names == batch.names


def test_cap_on_instances_is_random_but_repeatable() -> None:
    boxes = [[rectangle(x, y, x + 20, y + 20)] for x in (0, 30, 60, 90) for y in (0, 30, 60, 90)]
    what = Sample(1, "x", np.zeros((128, 128, 3), np.uint8), [Instance(0, b, 1) for b in boxes])
    capped = TargetSettings(max_instances=5)
    first, again, other = (
        build(what, capped, seed=s, enabled=False).centers.tolist() for s in (1, 1, 2)
    )
    assert len(first) == 5
    assert first == again != other


def test_parts_beyond_the_cap_stay_on_the_heat_map() -> None:
    """What is learned of centres does not depend on the cap: heat maps and their positives are
    those of all parts, in a batch whose other image has fewer. Contours are those of the cap."""
    boxes = [rectangle(x, y, x + 20, y + 24) for x in (0, 30, 60, 90) for y in (0, 30, 60, 90)]
    classes = [3, 0, 2, 1] * 4
    instances = [Instance(c, [box], 1) for c, box in zip(classes, boxes, strict=True)]
    many = Sample(1, "x", np.zeros((128, 128, 3), np.uint8), instances)
    few = sample([rectangle(20, 40, 60, 72)])
    capped, whole = (
        collate([build(what, settings, enabled=False) for what in (many, few)])
        for settings in (TargetSettings(max_instances=5), TargetSettings())
    )
    assert len(whole.contours) == len(whole.gaussians) == len(capped.gaussians) == 17
    assert len(capped.contours) == len(capped.centers) == len(capped.keys) == 6
    assert capped.image_index.tolist() == [0] * 5 + [1] and capped.max_per_image == 5
    assert (whole.heatmaps == 1).sum() == 17
    assert torch.equal(capped.heatmaps, whole.heatmaps)
    assert torch.equal(capped.to("cpu").heatmaps, whole.heatmaps)


def test_labels_follow_the_image_through_augmentation() -> None:
    """A white object on black: the label's box is the object's box in the augmented image."""
    for seed in range(20):
        image = np.zeros((150, 200, 3), dtype=np.uint8)
        image[60:100, 80:140] = 255
        what = Sample(1, "x", image, [Instance(0, [rectangle(80, 60, 140, 100)], 1)])
        example = build(
            what,
            seed=seed,
            rotate90=True,
            vertical_flip_probability=0.5,
            brightness=0.0,
            contrast=0.0,
            saturation=0.0,
            lighting=0.0,
        )
        assert len(example.classes) == 1
        ys, xs = np.nonzero(example.image[0].numpy() > 127)
        contour = example.contours[0].numpy()
        assert_allclose(contour.min(axis=0), [xs.min(), ys.min()], atol=1.01)
        assert_allclose(contour.max(axis=0), [xs.max() + 1, ys.max() + 1], atol=1.01)


def test_real_shapes_are_finite_and_inside() -> None:
    """Random crops of random scenes: contours in the crop, centres in the map, one key at least."""
    data = SyntheticDataset(6, size=(100, 140), classes=4)
    for index in range(len(data)):
        example = build(data[index], seed=index)
        assert torch.isfinite(example.contours).all()
        assert example.contours.numel() == 0 or example.contours.min() >= 0
        assert example.contours.numel() == 0 or example.contours.max() <= 128
        assert ((example.centers >= 0) & (example.centers < 32)).all()
        assert example.keys[:, 0].all()
        heatmap = collate([example]).heatmaps[0]
        for (x, y), class_index in zip(example.centers, example.classes, strict=True):
            assert heatmap[class_index, y, x] == 1
        assert 0 <= heatmap.min() <= heatmap.max() <= 1


def test_gaussian_radius_uses_whole_cells() -> None:
    """Box 38 x 38 pixels = 9.5 cells, rounded up to 10: radius 2, so 3 cells away there is nothing
    and 2 cells away exp(-4 / (2 (5 / 6)^2))."""
    example = build(sample([rectangle(21, 21, 59, 59)]), enabled=False)
    row = collate([example]).heatmaps[0, 0, 10]
    assert row[13] == 0
    assert row[12] == pytest.approx(math.exp(-4 / (2 * 25 / 36)), rel=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"vertices": 2},
        {"directions": 129},
        {"stride": 0},
        {"min_overlap": 1.0},
        {"max_instances": 0},
    ],
)
def test_impossible_settings_are_refused(options: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        TargetSettings(**options)
