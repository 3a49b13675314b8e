"""Presentation of test images and the way back to their pixels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from dataset.transforms.test_transform import TestView, restore_points

views = st.builds(
    TestView,
    mode=st.sampled_from(["canvas", "pad", "long_side", "letterbox", "fixed"]),
    size=st.tuples(st.integers(30, 900), st.integers(30, 900)),
    zoom=st.floats(0.25, 3),
    multiple=st.sampled_from([1, 32, 64]),
    warp=st.sampled_from(["exact", "published"]),
)


@settings(max_examples=100, deadline=None)
@given(views, st.integers(1, 3000), st.integers(1, 3000))
def test_round_trip(view: TestView, height: int, width: int) -> None:
    """Points come back to within 1e-6 pixels. Exact: offsets are whole pixels, so that the image's
    centre comes to lie on the input's or less than a pixel up and left of it. Published: half the
    sides, rounded down, lie on the input's centre."""
    size, matrix = view.geometry(height, width)
    assert all(side % view.multiple == 0 and side > 0 for side in size)
    if view.warp == "exact":
        assert (matrix[:, 2] == np.round(matrix[:, 2])).all()
        missed = np.array(size[::-1]) / 2 - matrix @ [width / 2, height / 2, 1]
        assert (missed > -1e-6).all() and (missed < 1).all()
    else:
        middle = matrix @ [width // 2, height // 2, 1]
        assert_allclose(middle, np.array(size[::-1]) / 2, rtol=1e-9)
    points = np.random.default_rng(0).uniform(0, 1, (3, 7, 2)) * (width, height)
    there = points @ matrix[:, :2].T + matrix[:, 2]
    assert_allclose(restore_points(there, matrix), points, atol=1e-6)


@pytest.mark.parametrize(
    ("view", "image", "shown", "map_"),
    [
        # 512 / 500 = 1.024; 375 * 1.024 = 384 fills the height exactly.
        (TestView("canvas"), (375, 500), (384, 512), (1.024, 0, 0)),
        # 504 rows of 512.
        (TestView("canvas"), (480, 640), (512, 672), (1.05, 0, 4)),
        # 213.5 x 320 -> 224 x 352; the zoom factor follows the width and shows 234.85 rows, of
        # which half of 10.85 fall outside above.
        (TestView("canvas", zoom=0.5), (427, 640), (224, 352), (0.55, 0, -6)),
        # 66 x 100 in the middle.
        (TestView("pad", zoom=2.0), (33, 50), (96, 128), (2, 14, 15)),
        # 600 x 400, 4 and 8 pixels from the edges. The size's longer side counts.
        (TestView("long_side", (32, 600)), (3000, 2000), (608, 416), (0.2, 8, 4)),
        # Zoom multiplies it: 450 x 300.
        (TestView("long_side", (600, 600), zoom=0.75), (3000, 2000), (480, 320), (0.15, 10, 15)),
        # 100 x 66; the other one 6.5 and 7.5 from the edges: whole pixels are kept whole.
        (TestView("long_side", (100, 100)), (50, 33), (128, 96), (2, 15, 14)),
        (TestView("long_side", (51, 51)), (51, 49), (64, 64), (1, 7, 6)),
        # 800 x 1199.06 (the short side decides), 446.67 x 1340 (the long one does).
        (TestView("short_side", (800, 1333)), (427, 640), (800, 1216), (800 / 427, 0, 0)),
        (TestView("short_side", (800, 1340)), (200, 600), (448, 1344), (1340 / 600, 0, 0)),
        # Upright, at half of it: 320 x 213.5; the image lies at the top left.
        (TestView("short_side", (427, 640), zoom=0.5), (640, 427), (320, 224), (0.5, 0, 0)),
        (TestView("short_side", (51, 51), warp="published"), (51, 49), (64, 64), (1, 0, 0)),
        # KINS: fits by its width.
        (TestView("fixed", (768, 2496)), (375, 1242), (768, 2496), (2496 / 1242, 0, 7)),
        # (23, 16) comes to (32, 32).
        (
            TestView("canvas", warp="published"),
            (33, 47),
            (64, 64),
            (64 / 47, 32 - 23 * 64 / 47, 32 - 16 * 64 / 47),
        ),
    ],
)
def test_geometry_by_hand(
    view: TestView,
    image: tuple[int, int],
    shown: tuple[int, int],
    map_: tuple[float, float, float],
) -> None:
    """The size of the input, and the map: zoom factor, left, top."""
    size, matrix = view.geometry(*image)
    assert size == shown
    factor, left, top = map_
    assert_allclose(matrix, [[factor, 0, left], [0, factor, top]], atol=1e-12)


@pytest.mark.parametrize("multiple", [1, 8, 32, 64])
@pytest.mark.parametrize("zoom", [0.5, 1.0, 1.3, 2.0])
def test_canvas_of_any_zoom_and_multiple(zoom: float, multiple: int) -> None:
    """The sides are above the enlarged ones by at most one multiple; the factor follows the width.

    Of zoom 1 and multiple 32 that is (side | 31) + 1.
    """
    for side in range(1, 200):
        (_, width), matrix = TestView("canvas", zoom=zoom, multiple=multiple).geometry(50, side)
        assert 0 < width - side * zoom <= multiple + 1e-9 and width % multiple == 0
        assert matrix[0, 0] == pytest.approx(width / side)


def test_a_view_that_changes_nothing_is_the_image_itself() -> None:
    image = np.zeros((64, 96, 3), dtype=np.uint8)
    shown, matrix = TestView("pad").apply(image)
    assert shown is image
    assert_allclose(matrix, np.eye(2, 3))


@pytest.mark.parametrize(
    "view",
    [
        TestView("pad"),
        TestView("letterbox", (80, 49)),
        TestView("fixed", (35, 75), multiple=2),
        TestView("long_side", (49, 49)),
        TestView("short_side", (35, 60)),
    ],
    ids=lambda view: f"{view.mode} {view.size}",
)
def test_without_zoom_every_pixel_is_kept(view: TestView) -> None:
    """35 x 49 pixels in the middle of an even number of them are not blurred by half a pixel."""
    image = np.random.default_rng(0).integers(0, 256, (35, 49, 3), dtype=np.uint8)
    shown, matrix = view.apply(image)
    left, top = matrix[:, 2].astype(int)
    assert np.array_equal(shown[top : top + 35, left : left + 49], image)


@pytest.mark.parametrize("side", [147, 281, 588])
@pytest.mark.parametrize("mode", ["long_side", "letterbox"])
def test_a_filled_input_has_no_margin(mode: str, side: int) -> None:
    """640 / 147 * 147 is not quite 640: that neither adds 32 pixels nor shifts the image."""
    assert 640 / side * side != 640
    size, matrix = TestView(mode, (640, 640)).geometry(side, side)
    assert size == (640, 640)
    assert matrix[:, 2].tolist() == [0, 0]


def test_letterbox() -> None:
    """375 x 500 into 512 x 512: zoom 1.024, 384 high, 64 black rows above and below."""
    image = np.full((375, 500, 3), 200, dtype=np.uint8)
    shown, matrix = TestView("letterbox", (512, 512)).apply(image)
    assert_allclose(matrix, [[1.024, 0, 0], [0, 1.024, 64]])
    assert shown.shape == (512, 512, 3)
    assert (shown[:63] == 0).all()
    assert (shown[65:447, 1:-1] == 200).all()
    assert (shown[449:] == 0).all()


def center_of_mass(image: np.ndarray) -> np.ndarray:
    """x, y of the weighted mean of the pixels, continuous coordinates."""
    weight = image[..., 0].astype(float)
    ys, xs = np.mgrid[: weight.shape[0], : weight.shape[1]] + 0.5
    return np.array([(weight * xs).sum(), (weight * ys).sum()]) / weight.sum()


def test_published_warp_by_hand() -> None:
    """16 x 16 pixels at zoom 2: the same map, centre (8, 8) to (16, 16), no offset.

    Taken for a map between pixel centres it shows column 5, white, in full at column 10 and half at
    9 and 11: around 10.5 in continuous coordinates. The middle of column 5 is 5.5, times 2 is 11:
    exactly it is 0.75 of white at 10 and 11 and 0.25 beside them.
    """
    image = np.zeros((16, 16, 3), np.uint8)
    image[:, 5] = 200
    rows = {}
    for warp in ("exact", "published"):
        shown, matrix = TestView("fixed", (32, 32), warp=warp).apply(image)
        assert_allclose(matrix, [[2, 0, 0], [0, 2, 0]])
        rows[warp] = shown[16, 8:14, 0].tolist()
    assert rows == {"exact": [0, 50, 150, 150, 50, 0], "published": [0, 100, 200, 100, 0, 0]}


@pytest.mark.parametrize(
    ("view", "image", "zoom", "shift"),
    [
        (TestView("fixed", (768, 2496)), (375, 1242), 2496 / 1242, 0.25),  # KINS
        (TestView("fixed", (1216, 2432)), (1024, 2048), 1.1875, 0.08),  # Cityscapes
        (TestView("letterbox", (512, 512)), (375, 500), 1.024, 0.01),  # SBD
        (TestView("letterbox", (64, 64)), (128, 128), 0.5, -0.5),
    ],
)
def test_published_contours_lie_up_and_left_of_exact_ones(
    view: TestView, image: tuple[int, int], zoom: float, shift: float
) -> None:
    """What the input shows of a round spot at (50.3, 60.8), carried back: there under the exact
    warp, 0.5 (s - 1) / s pixels up and left of it under the published one."""
    ys, xs = np.mgrid[: image[0], : image[1]] + 0.5
    spot = 255 * np.exp(-((xs - 50.3) ** 2 + (ys - 60.8) ** 2) / (2 * 8**2))
    pixels = np.repeat(spot[..., None], 3, axis=2).astype(np.uint8)
    found = {}
    for warp in ("exact", "published"):
        shown, matrix = replace(view, warp=warp).apply(pixels)
        assert matrix[0, 0] == pytest.approx(zoom)
        found[warp] = restore_points(center_of_mass(shown), matrix)
    assert_allclose(found["exact"], [50.3, 60.8], atol=0.02)
    moved = found["exact"] - found["published"]
    assert_allclose(moved, 0.5 * (zoom - 1) / zoom, atol=0.01)
    assert_allclose(moved, shift, atol=0.01)


@pytest.mark.parametrize(
    "options",
    [
        {"mode": "stretch"},
        {"mode": "letterbox"},
        {"mode": "long_side"},
        {"mode": "short_side"},
        {"mode": "short_side", "size": (800, 600)},
        {"zoom": 0.0},
        {"multiple": 0},
        {"warp": "bent"},
    ],
)
def test_impossible_views_are_refused(options: dict) -> None:
    with pytest.raises(ValueError, match=r"mode|zoom|warp"):
        TestView(**options)
