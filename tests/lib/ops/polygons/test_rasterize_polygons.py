"""Polygon rasterisation: bit for bit what pycocotools makes, by every kernel."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from odd_offsets import BAD_OFFSETS
from pycocotools import mask as coco_mask

from lib.ops import rasterize_polygons
from lib.ops.library import LIBRARY_PATH
from lib.ops.polygons import reference
from lib.polygons.ragged import Ragged


def by_reference(polygons: Sequence[np.ndarray], height: int, width: int) -> torch.Tensor:
    packed = Ragged.pack(polygons)
    points, offsets = torch.from_numpy(packed.points), torch.from_numpy(packed.offsets)
    return reference.rasterize_polygons(points, offsets, height, width)


KERNELS = [
    pytest.param(rasterize_polygons, id="in use"),
    pytest.param(by_reference, id="reference"),
]
Kernel = Callable[[Sequence[np.ndarray], int, int], torch.Tensor]


def by_pycocotools(polygon: np.ndarray, height: int, width: int) -> np.ndarray:
    runs = coco_mask.frPyObjects([polygon.astype(np.float64).reshape(-1).tolist()], height, width)
    return coco_mask.decode(runs)[:, :, 0]


def random_polygon(random: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Any of: inside, on whole, half and tenth pixels, tiny, repeated points, on the border, far
    away; almost all of them cross themselves."""
    count = int(random.integers(3, 12))
    size = np.array([width, height])
    points = random.uniform(-0.5, 1.5, (count, 2)) * size
    match int(random.integers(8)):
        case 0:
            points = random.uniform(0, 1, (count, 2)) * size
        case 1:
            points = np.round(points)
        case 2:
            points = np.round(points * 2) / 2
        case 3:
            points = np.round(points * 10) / 10
        case 4:
            points = points * 0.05 + random.uniform(0, 1, 2) * size
        case 5:
            points = np.repeat(points, random.integers(1, 3, count), axis=0)
        case 6:
            points[:, 1] = np.where(random.random(count) < 0.5, height, points[:, 1])
            points[:, 0] = np.where(random.random(count) < 0.3, width, points[:, 0])
        case 7:
            points = random.uniform(-20, 20, (count, 2)) * size
    return points


@pytest.mark.parametrize("rasterize", KERNELS)
def test_ten_thousand_random_polygons_equal_pycocotools(rasterize: Kernel) -> None:
    random = np.random.default_rng(0)
    for _ in range(100):
        height, width = (int(value) for value in random.integers(1, 24, 2))
        polygons = [random_polygon(random, height, width) for _ in range(100)]
        masks = rasterize(polygons, height, width)
        assert masks.dtype == torch.uint8
        expected = [by_pycocotools(polygon, height, width) for polygon in polygons]
        np.testing.assert_array_equal(masks.numpy(), np.stack(expected))


@pytest.mark.parametrize("rasterize", KERNELS)
def test_smooth_contours_in_a_large_image(rasterize: Kernel) -> None:
    angles = np.linspace(0, 2 * np.pi, 128, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    polygons = [circle * radius + [211.3, 140.8] for radius in (3.0, 90.5, 170.0)]
    masks = rasterize(polygons, 301, 407).numpy()
    for mask, polygon in zip(masks, polygons, strict=True):
        np.testing.assert_array_equal(mask, by_pycocotools(polygon, 301, 407))


@pytest.mark.parametrize("rasterize", KERNELS)
@pytest.mark.parametrize(
    "points",
    [
        [[2, 2], [2, 2], [2, 2]],
        [[0, 9], [4, 9], [2, 7], [6, 9], [6, 0]],
        [[-3.7, -2.2], [-0.1, 5.5], [4.2, -0.3]],
        [[5, 5], [5, 5], [1, 8], [1, 8], [5, 5]],
        [[0, 0], [7, 9], [7, 0], [0, 9]],
        [[-1e6, -1e6], [3, 4], [5, -6]],
    ],
    ids=["one point", "on the lower border", "negative", "repeated", "bow tie", "far"],
)
def test_odd_polygons_equal_pycocotools(rasterize: Kernel, points: list[list[float]]) -> None:
    polygon = np.array(points, np.float64)
    mask = rasterize([polygon], 9, 7)[0].numpy()
    np.testing.assert_array_equal(mask, by_pycocotools(polygon, 9, 7))


def test_tensors_and_other_types() -> None:
    box = [[1, 1], [3, 1], [3, 4], [1, 4]]
    polygons = [
        torch.tensor(box, dtype=torch.float32, requires_grad=True),
        np.array(box, np.float32),
        np.array(box, np.float64)[::1],
        torch.tensor(box, dtype=torch.float64).t().contiguous().t(),
    ]
    masks = rasterize_polygons(polygons, 5, 6)
    assert masks.shape == (4, 5, 6) and masks[0].sum() == 6
    assert all(torch.equal(masks[0], mask) for mask in masks)


def test_no_polygons() -> None:
    assert rasterize_polygons([], 4, 5).shape == (0, 4, 5)


TRIANGLE = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])


def test_a_polygon_too_far_away_is_named() -> None:
    with pytest.raises(ValueError, match="polygon 1 has coordinates beyond"):
        rasterize_polygons([TRIANGLE, TRIANGLE + 1.1e6], 4, 5)


@pytest.mark.parametrize("size", [(0, 5), (5, -1)])
def test_the_size_must_be_positive(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="positive size"):
        rasterize_polygons([TRIANGLE], *size)


@pytest.mark.parametrize("bad", [*BAD_OFFSETS, [0, 0, 3]])
def test_offsets_that_lead_astray_are_refused(bad: list[int]) -> None:
    if not LIBRARY_PATH.exists():
        pytest.skip("no compiled library here; `make ext` builds it")
    offsets = torch.tensor(bad, dtype=torch.int64)
    with pytest.raises(RuntimeError, match="offsets must"):
        torch.ops.e2ec.rasterize_polygons(torch.from_numpy(TRIANGLE), offsets, 4, 5)


def test_packed_polygons_that_may_not_be_written_to() -> None:
    """As an index has them; of whole numbers, too; and a bad one among them is named."""
    boxes = [TRIANGLE, TRIANGLE[::-1] + 1, TRIANGLE[:2]]
    packed = Ragged.pack(boxes).slice(0, 2)
    packed.points.flags.writeable = packed.offsets.flags.writeable = False
    expected = rasterize_polygons(boxes[:2], 6, 7)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(rasterize_polygons(packed, 6, 7), expected)
    whole = Ragged(packed.points.astype(np.int32), packed.offsets)
    assert torch.equal(rasterize_polygons(whole, 6, 7), expected)
    with pytest.raises(ValueError, match="polygon 2 must be"):
        rasterize_polygons(Ragged.pack(boxes), 6, 7)


def test_opcheck() -> None:
    arguments = (torch.from_numpy(TRIANGLE), torch.tensor([0, 3]), 4, 5)
    torch.library.opcheck(torch.ops.e2ec.rasterize_polygons.default, arguments)
