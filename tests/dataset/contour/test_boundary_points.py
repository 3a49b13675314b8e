"""Labelled points near boundaries: exact labels, even along the boundary, the same every time."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
import shapely
import torch

from dataset.contour.boundary_points import (
    BoundaryLabels,
    BoundaryPointSettings,
    boundary_labels,
)
from dataset.contour.target_settings import TargetSettings
from dataset.contour.targets import TrainingExample, build_example, collate
from dataset.loading.sample import Instance, Sample
from dataset.masks.run_lengths import encode_mask
from dataset.masks.tracing import mask_to_rings
from dataset.synthetic.dataset import SyntheticDataset
from dataset.transforms.augmentation import AugmentationSettings
from lib.polygons.ragged import Ragged

SETTINGS = BoundaryPointSettings(points=400, spread=0.05, box_jitter=0.0)
STILL = np.eye(2, 3)
STAR = np.array(
    [[20, 10], [60, 40], [110, 20], [80, 60], [100, 110], [60, 80], [15, 100], [40, 55]]
)
STAR = STAR.astype(float)


def sample(*instances: Instance) -> Sample:
    return Sample(1, "x.png", np.zeros((128, 160, 3), np.uint8), list(instances))


def labels(
    *instances: Instance,
    settings: BoundaryPointSettings = SETTINGS,
    matrix: np.ndarray = STILL,
    seed: int = 0,
) -> BoundaryLabels:
    """Of all parts of the instances, moved by `matrix`."""
    moved = [p @ matrix[:, :2].T + matrix[:, 2] for one in instances for p in one.parts]
    owners = np.repeat(np.arange(len(instances)), [len(one.parts) for one in instances])
    rng = np.random.default_rng(seed)
    return boundary_labels(Ragged.pack(moved), owners, sample(*instances), matrix, settings, rng)


def masked(mask: np.ndarray) -> Instance:
    """An object with an exact mask (128, 160), and its outlines as parts."""
    return Instance(0, [ring for ring, _ in mask_to_rings(mask)], 1, encode_mask(mask))


def ring_with_hole() -> np.ndarray:
    mask = np.zeros((128, 160), bool)
    mask[20:90, 20:100] = True
    mask[40:70, 45:80] = False
    return mask


def test_a_polygon_s_labels_are_exact() -> None:
    found = labels(Instance(0, [STAR], 1))
    polygon, points = shapely.Polygon(STAR), found.points[0].double().numpy()
    assert np.array_equal(found.outside[0].numpy(), ~shapely.contains_xy(polygon, *points.T))
    assert 0.3 < found.outside.float().mean() < 0.7
    distance = shapely.distance(shapely.points(points), polygon.exterior)
    offsets = found.offsets[0].double().numpy()
    assert np.allclose(np.hypot(*offsets.T), distance, atol=1e-3)
    ends = shapely.points(points + offsets)
    assert np.allclose(shapely.distance(ends, polygon.exterior), 0, atol=1e-3)


@pytest.mark.parametrize(
    "matrix",
    [STILL, np.array([[0.0, -0.8, 110.0], [0.8, 0.0, 3.0]])],
    ids=["as it is", "turned and smaller"],
)
def test_a_mask_s_labels_are_those_of_its_pixels(matrix: np.ndarray) -> None:
    """In a hole is outside, and its edge is boundary."""
    mask = ring_with_hole()
    found = labels(masked(mask), matrix=matrix)
    back = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))
    points = found.points[0].double().numpy()
    x, y = np.floor(np.column_stack([points, np.ones(len(points))]) @ back.T)[:, :2].T.astype(int)
    expected = ~mask[y.clip(0, 127), x.clip(0, 159)]
    assert (found.outside[0].numpy() == expected).mean() > 0.995, "float32 may cross a pixel's edge"
    in_hole = (x >= 45) & (x < 80) & (y >= 40) & (y < 70)
    assert in_hole.sum() > 40 and found.outside[0].numpy()[in_hole].all()


def test_points_lie_evenly_along_all_edges() -> None:
    """An L of sides 80, 10, 60, 50, 20, 60: of many points, each side has its share of 280."""
    ell = np.array([[10, 10], [90, 10], [90, 20], [30, 20], [30, 70], [10, 70]]).astype(float)
    settings = replace(SETTINGS, points=4000, spread=1e-6)
    found = labels(Instance(0, [ell], 1), settings=settings)
    nearest = (found.points + found.offsets)[0].double().numpy()
    lengths = np.hypot(*(np.roll(ell, -1, axis=0) - ell).T)
    edges = [shapely.LineString([a, b]) for a, b in zip(ell, np.roll(ell, -1, axis=0), strict=True)]
    distance = shapely.distance(shapely.points(nearest)[:, None], np.array(edges))
    share = np.bincount(distance.argmin(1), minlength=6) / len(nearest)
    assert np.abs(share - lengths / lengths.sum()).max() < 0.03


@pytest.mark.parametrize(("spread", "expected"), [(0.05, 4.0), (1e-6, 1.0)])
def test_the_spread_is_a_part_of_the_box_and_a_pixel_at_least(
    spread: float, expected: float
) -> None:
    """A square of side 80: across its edges points deviate by 4 pixels, or 1."""
    square = np.array([[20, 20], [100, 20], [100, 100], [20, 100]]).astype(float)
    settings = replace(SETTINGS, points=4000, spread=spread)
    found = labels(Instance(0, [square], 1), settings=settings)
    root_mean_square = found.offsets.double().square().sum(2).mean().sqrt().item()
    assert root_mean_square == pytest.approx(expected, rel=0.1)


def test_parts_have_their_own_boundaries_and_an_object_s_hole_is_of_one_part() -> None:
    """Two parts of one object; the first one has a hole. No point of the second is near it."""
    mask = ring_with_hole()
    mask[100:120, 110:150] = True
    found = labels(masked(mask))
    boxes = found.boxes.tolist()
    whole, small = boxes.index([20, 20, 100, 90]), boxes.index([110, 100, 150, 120])
    assert found.points[small, :, 0].min() > 100, "all near the small part"
    inside = (found.points[whole] - torch.tensor([62.5, 55.0])).abs() < torch.tensor([17, 14])
    assert inside.all(1).sum() > 20
    other = found.points[whole, :, 0] > 105
    assert found.outside[whole][other].all(), "the other part is outside of this one"


def test_boxes_are_moved_by_a_part_of_their_sides() -> None:
    square = np.array([[20, 30], [100, 30], [100, 70], [20, 70]]).astype(float)
    exact = torch.tensor([20.0, 30, 100, 70])
    assert torch.equal(labels(Instance(0, [square], 1)).boxes[0], exact)
    settings = replace(SETTINGS, points=1, box_jitter=0.1)
    moves = torch.stack(
        [labels(Instance(0, [square], 1), settings=settings, seed=k).boxes[0] for k in range(200)]
    )
    moves = (moves - exact) / torch.tensor([80.0, 40, 80, 40])
    assert moves.abs().max() <= 0.1 and moves.std(0).min() > 0.04


def test_no_part() -> None:
    found = labels()
    shapes = [tuple(getattr(found, field.name).shape) for field in fields(found)]
    assert shapes == [(0, 4), (0, 400, 2), (0, 400), (0, 400, 2)]


# In examples and batches


def build(seed: int, boundary: BoundaryPointSettings | None, index: int = 0) -> TrainingExample:
    return build_example(
        SyntheticDataset(2)[index],
        np.random.default_rng(seed),
        AugmentationSettings(crop_size=(64, 64)),
        TargetSettings(),
        3,
        boundary,
    )


def test_everything_else_is_the_same_with_and_without_points() -> None:
    without, given = build(3, None), build(3, SETTINGS)
    assert without.boundary is None and given.boundary is not None
    for field in fields(without):
        first, second = getattr(without, field.name), getattr(given, field.name)
        if isinstance(first, torch.Tensor):
            assert torch.equal(first, second), field.name
        elif field.name != "boundary":
            assert first == second, field.name


def test_equal_seeds_give_equal_points() -> None:
    one, two, other = build(3, SETTINGS).boundary, build(3, SETTINGS).boundary, build(4, SETTINGS)
    assert one is not None and two is not None and other.boundary is not None
    assert all(torch.equal(getattr(one, f.name), getattr(two, f.name)) for f in fields(one))
    assert one.points.shape != other.boundary.points.shape or not torch.equal(
        one.points, other.boundary.points
    )


def test_a_batch_has_the_points_of_all_its_images() -> None:
    examples = [build(3, SETTINGS, 0), build(3, SETTINGS, 1)]
    batch = collate(examples)
    assert batch.boundary is not None
    assert len(batch.boundary.boxes) == len(batch.image_index) == len(batch.classes)
    own = [one.boundary.points for one in examples if one.boundary]
    assert torch.equal(batch.boundary.points, torch.cat(own))
    moved = batch.to("meta").boundary
    assert moved is not None and moved.outside.is_meta
    assert collate([build(3, None)]).boundary is None
