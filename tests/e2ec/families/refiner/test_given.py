"""What a refiner is measured on: labels as wrong as the card says, the same for equal images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dataset.loading.sample import Instance, Sample
from dataset.masks.run_lengths import encode_mask
from dataset.masks.tracing import mask_to_rings
from e2ec.families.refiner.card import RefinerCard
from e2ec.families.refiner.family import REFINER

CARD = RefinerCard("nano", ("a", "b"), (3, 8), given_iou=(0.6, 0.9))


def discs(count: int = 40) -> tuple[Sample, np.ndarray]:
    """An image of discs with round holes, and their masks."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:200, :300] + 0.5
    masks, instances = [], []
    for number in range(count):
        x, y, radius = rng.uniform(60, 240), rng.uniform(60, 140), rng.uniform(8, 50)
        away = np.hypot(columns - x, rows - y)
        mask = (away < radius) & (away > 0.4 * radius)
        masks.append(mask)
        outlines = [outer for outer, _ in mask_to_rings(mask)]
        instances.append(Instance(number % 2, outlines, number, encode_mask(mask)))
    return Sample(5, "x.png", np.zeros((200, 300, 3), np.uint8), instances), np.stack(masks)


def overlaps(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    axes = (1, 2)
    return (first & second).sum(axes) / (first | second).sum(axes)


def test_masks_stay_masks_with_holes_and_spread_over_the_range() -> None:
    sample, masks = discs()
    given = REFINER.given(sample, CARD)
    assert all(runs is not None for runs in given.runs)
    assert all(holes and holes[0] for holes in given.holes)
    assert given.category_ids == (3, 8) and (given.scores == 1).all()
    assert np.array_equal(given.labels, [one.class_index for one in sample.instances])
    found = overlaps(given.to_masks().astype(bool), masks)
    assert 0.52 < found.min() < 0.7 and 0.8 < found.max() < 0.95
    assert 0.65 < found.mean() < 0.82


def test_polygons_stay_polygons() -> None:
    sample, _ = discs(3)
    plain = [replace(one, runs=None) for one in sample.instances]
    given = REFINER.given(replace(sample, instances=plain), CARD)
    assert all(runs is None for runs in given.runs) and len(given) == 3


def test_equal_images_are_perturbed_equally_and_others_otherwise() -> None:
    """The number of the image decides, negative and huge ones too."""
    sample, _ = discs(3)
    masks = {
        number: REFINER.given(replace(sample, image_id=number), CARD).to_masks()
        for number in (5, 6, -1, 2**70)
    }
    assert np.array_equal(REFINER.given(sample, CARD).to_masks(), masks[5])
    assert not np.array_equal(masks[5], masks[6])


def test_an_image_without_objects_has_nothing_to_refine() -> None:
    assert len(REFINER.given(replace(discs(1)[0], instances=[]), CARD)) == 0
