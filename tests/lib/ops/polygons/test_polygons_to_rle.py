"""Polygons to run lengths: byte for byte what pycocotools makes, by every kernel."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_offsets import BAD_OFFSETS
from pycocotools import mask as coco_mask

from lib.ops import polygons_to_rle
from lib.ops.library import LIBRARY_PATH
from lib.ops.polygons import reference
from lib.ops.polygons.polygons_to_rle import LARGEST_SIDE
from lib.polygons.ragged import Ragged


def by_reference(
    polygons: Sequence[np.ndarray], height: int, width: int, *, parts: Sequence[int] | None = None
) -> list[bytes]:
    packed = Ragged.pack(polygons)
    objects = np.cumsum([0, *([1] * len(polygons) if parts is None else parts)])
    arguments = map(torch.from_numpy, (packed.points, packed.offsets, objects))
    text, offsets = reference.polygons_to_rle(*arguments, height, width)
    return [bytes(text[a:b].numpy()) for a, b in itertools.pairwise(offsets.tolist())]


KERNELS = [
    pytest.param(polygons_to_rle, id="in use"),
    pytest.param(by_reference, id="reference"),
]
Kernel = Callable[..., list[bytes]]


def by_pycocotools(polygons: Sequence[np.ndarray], height: int, width: int) -> list[dict]:
    return coco_mask.frPyObjects([p.ravel().tolist() for p in polygons], height, width)


def random_polygon(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Crossing itself, partly outside; on whole, half or tenth pixels or anywhere; tiny or wide."""
    points = rng.uniform(-0.3, 1.3, (int(rng.integers(3, 14)), 2)) * [width, height]
    points = points * rng.choice([0.05, 1.0, 20.0], p=[0.2, 0.7, 0.1])
    grid = rng.choice([0.0, 1.0, 2.0, 10.0])
    return np.round(points * grid) / grid if grid else points


@pytest.mark.parametrize("kernel", KERNELS)
@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 90), st.integers(1, 90))
def test_equals_pycocotools(kernel: Kernel, seed: int, height: int, width: int) -> None:
    """One by one, and united to objects of one to four parts."""
    rng = np.random.default_rng(seed)
    polygons = [random_polygon(rng, height, width) for _ in range(20)]
    expected = by_pycocotools(polygons, height, width)
    assert kernel(polygons, height, width) == [one["counts"] for one in expected]
    cuts = [0, *sorted(rng.choice(np.arange(1, 20), 8, replace=False).tolist()), 20]
    merged = [coco_mask.merge(expected[a:b])["counts"] for a, b in itertools.pairwise(cuts)]
    assert kernel(polygons, height, width, parts=np.diff(cuts).tolist()) == merged


def test_many_contours_at_coco_size_equal_pycocotools() -> None:
    """Enough of them to be shared between threads."""
    rng = np.random.default_rng(3)
    angle = np.linspace(0, 2 * np.pi, 128, endpoint=False)[:, None]
    ray = np.concatenate([np.cos(angle), np.sin(angle)], axis=1)
    radius = rng.uniform(3, 200, (100, 1, 1)) * rng.uniform(0.8, 1.2, (100, 128, 1))
    contours = radius * ray + rng.uniform(0, 500, (100, 1, 2))
    expected = [one["counts"] for one in by_pycocotools(list(contours), 480, 640)]
    assert polygons_to_rle(contours, 480, 640) == expected
    assert polygons_to_rle(torch.from_numpy(contours), 480, 640) == expected
    assert polygons_to_rle(Ragged.pack(list(contours)), 480, 640) == expected


@pytest.mark.parametrize("kernel", KERNELS)
def test_box_worked_out_by_hand(kernel: Kernel) -> None:
    """The box from (1, 1) to (3, 4) in 5 x 6 pixels: columns 1 and 2, rows 1 to 3. Runs 6 3 2 3 16;
    from the fourth on differences: 6 3 2 0 14, each one group, as characters 48 and up."""
    box = np.array([[1, 1], [3, 1], [3, 4], [1, 4]], np.float64)
    assert kernel([box], 5, 6) == [bytes(48 + value for value in (6, 3, 2, 0, 14))]


@pytest.mark.parametrize("kernel", KERNELS)
def test_huge_images_do_not_overflow(kernel: Kernel) -> None:
    """A pixel in the last column of 90,000 x 60,000: 5.4e9 pixels. Before it 59,999 columns and
    89,998 pixels, behind it one."""
    x, y = 59_999.0, 89_998.0
    box = np.array([[x, y], [x + 1, y], [x + 1, y + 1], [x, y + 1]])
    (text,) = kernel([box], 90_000, 60_000)
    assert text == _compressed([59_999 * 90_000 + 89_998, 1, 1])


def _compressed(runs: list[int]) -> bytes:
    """Up to three run lengths: groups of five bits, 32 for another one to come, the sign kept 0."""
    text = b""
    for run in runs:
        groups = [run >> shift & 31 for shift in range(0, max(run.bit_length() + 1, 5), 5)]
        text += bytes(48 + group + 32 * (i + 1 < len(groups)) for i, group in enumerate(groups))
    return text


@pytest.mark.parametrize("far", [1e6, 1e9, 1e15, 1e300])
def test_points_absurdly_far_away(far: float) -> None:
    """A quarter plane is the same mask as the box that ends with the image."""
    box, end = np.array([[20, 10], [60, 10], [60, 40], [20, 40.0]]), [60.0, 40.0]
    quarter = np.where(box == end, far, box)
    assert polygons_to_rle([quarter, box], 40, 60) == [polygons_to_rle([box], 40, 60)[0]] * 2
    assert polygons_to_rle([quarter + far], 40, 60) == [b"P[2"]  # 2400 pixels of background


def test_nothing_in_nothing_out() -> None:
    assert polygons_to_rle([], 4, 5) == []
    assert polygons_to_rle(np.zeros((0, 8, 2)), 4, 5) == []
    assert polygons_to_rle([], 4, 5, parts=[0, 0]) == [b"d0"] * 2  # 20 = 4 + 0 * 32, and more
    triangle = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])
    assert polygons_to_rle([triangle], 4, 5, parts=[0, 1, 0])[1:] == [
        *polygons_to_rle([triangle], 4, 5),
        b"d0",
    ]


TRIANGLE = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]])


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (TRIANGLE[:2], "polygon 1 must be"),
        (TRIANGLE.reshape(-1), "polygon 1 must be"),
        (TRIANGLE * math.nan, "polygon 1 has coordinates that are not finite"),
        (TRIANGLE + math.inf, "polygon 1 has coordinates that are not finite"),
        (TRIANGLE.astype(str).astype(object) + "px", "arrays of numbers: could not convert"),
    ],
)
def test_the_bad_polygon_is_named(bad: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        polygons_to_rle([TRIANGLE, bad], 4, 5)


def test_impossible_sizes_and_parts_are_refused() -> None:
    with pytest.raises(ValueError, match="positive size"):
        polygons_to_rle([TRIANGLE], 0, 5)
    side = LARGEST_SIDE
    for height, width in ((4, side + 1), (side + 1, 4)):
        with pytest.raises(ValueError, match="at most"):
            polygons_to_rle([TRIANGLE], height, width)
    far = np.array([[0.0, 0.0], [2e6, 0.0], [0.0, 2e6]])
    assert len(polygons_to_rle([far], 4, side)) == 1
    for parts in ([2], [2, -1], []):
        with pytest.raises(ValueError, match="parts"):
            polygons_to_rle([TRIANGLE], 4, 5, parts=parts)


@pytest.mark.parametrize("bad", BAD_OFFSETS)
def test_offsets_that_lead_astray_are_refused(bad: list[int]) -> None:
    """Of polygons; and of objects, here of three polygons."""
    if not LIBRARY_PATH.exists():
        pytest.skip("no compiled library here; `make ext` builds it")
    points, wrong = torch.from_numpy(TRIANGLE), torch.tensor(bad, dtype=torch.int64)
    kernel = torch.ops.e2ec.polygons_to_rle
    with pytest.raises(RuntimeError, match="offsets must"):
        kernel(points, wrong, torch.arange(max(len(bad), 1)), 4, 5)
    with pytest.raises(RuntimeError, match="objects must"):
        kernel(points.repeat(3, 1), torch.tensor([0, 3, 6, 9]), wrong, 4, 5)


def test_opcheck() -> None:
    arguments = (torch.from_numpy(TRIANGLE), torch.tensor([0, 3]), torch.tensor([0, 1]), 4, 5)
    tests = ("test_schema", "test_faketensor")
    torch.library.opcheck(torch.ops.e2ec.polygons_to_rle.default, arguments, test_utils=tests)
