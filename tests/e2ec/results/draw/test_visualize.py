"""Pictures of contours: where they are drawn, with which colours, and what stays untouched."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from e2ec.results.contours import Contours
from e2ec.results.draw.visualize import draw_comparison, draw_contours, palette

SQUARE = np.array([[10.0, 10.0], [30.0, 10.0], [30.0, 30.0], [10.0, 30.0]])


def moved(x: float, y: float) -> np.ndarray:
    return SQUARE + np.array([x, y])


def scene(parts: list[list[np.ndarray]], labels: list[int] | None = None) -> Contours:
    """Instances on an image of 60 rows and 80 columns."""
    return Contours(
        height=60,
        width=80,
        class_names=("cell", "dirt"),
        labels=np.array(labels or [0] * len(parts), np.int64),
        scores=np.full(len(parts), 0.87),
        parts=parts,
    )


def grey() -> np.ndarray:
    return np.full((60, 80, 3), 100, np.uint8)


def drawn(contours: Contours, **options: Any) -> np.ndarray:
    """(H, W) bool: the pixels that drawing changed."""
    changed = draw_contours(grey(), contours, **{"labels": False, **options}) != 100
    return changed.any(axis=2)


def test_the_image_given_is_not_modified() -> None:
    image = grey()
    picture = draw_contours(image, scene([[SQUARE]]))
    assert (image == 100).all()
    assert picture.shape == image.shape
    assert picture.dtype == np.uint8
    assert (picture != image).any()


def test_a_line_through_pixel_centres_is_drawn_on_these_pixels() -> None:
    """Half a pixel: y = 20.5 is the middle of row 20, so the line is strongest there and equally
    strong in the rows above and below, but for OpenCV's own asymmetry of a few grey levels."""
    flat = np.array([[10.5, 20.5], [60.5, 20.5], [35.5, 20.5]])
    picture = draw_contours(np.zeros((60, 80, 3), np.uint8), scene([[flat]]), labels=False, fill=0)
    rows = picture[:, 30].max(axis=1).astype(int)
    assert rows.argmax() == 20
    assert abs(rows[19] - rows[21]) < 20
    assert rows[:18].max() == rows[23:].max() == 0


def test_fill_covers_the_inside_and_is_translucent() -> None:
    picture = draw_contours(grey(), scene([[SQUARE]]), fill=0.5, labels=False)
    # The first colour of the palette, half of it over grey 100.
    expected = (np.array(palette(1)[0]) + 100) / 2
    assert np.abs(picture[20, 20] - expected).max() <= 1
    assert (picture[40:, :] == 100).all()
    assert (draw_contours(grey(), scene([[SQUARE]]), fill=0, labels=False)[20, 20] == 100).all()


def test_overlapping_parts_are_united() -> None:
    """Filled in one call, OpenCV would leave the overlap of two parts empty."""
    changed = drawn(scene([[SQUARE, SQUARE + 8]]), fill=0.5)
    assert changed[12:36, 12:36].diagonal().all()


def test_small_instances_are_drawn_over_large_ones() -> None:
    small = SQUARE * 0.3 + 14
    for parts in ([[SQUARE], [small]], [[small], [SQUARE]]):
        picture = draw_contours(grey(), scene(parts), fill=1.0, labels=False)
        index = 0 if parts[0][0] is small else 1
        assert picture[20, 20].tolist() == list(palette(2)[index])


def test_colours_by_class_and_by_instance() -> None:
    contours = scene([[SQUARE], [moved(40, 0)], [moved(20, 28)]], [0, 0, 1])
    positions = [(20, 20), (20, 60), (48, 40)]
    by_class = draw_contours(grey(), contours, color_by="class", fill=1.0, labels=False)
    first, second, third = (tuple(by_class[p]) for p in positions)
    assert first == second != third
    by_instance = draw_contours(grey(), contours, fill=1.0, labels=False)
    assert len({tuple(by_instance[p]) for p in positions}) == 3


def test_labels_are_written_inside_the_image() -> None:
    """Objects at every border and outside: the text is moved to where it can be read."""
    corners = ([-9, -9], [70, -9], [-9, 50], [70, 50], [500, 500], [-1e7, 1e7])
    for corner in corners:
        part = SQUARE - 10 + corner
        with_labels = draw_contours(grey(), scene([[part]]), fill=0)
        without = draw_contours(grey(), scene([[part]]), fill=0, labels=False)
        assert (with_labels != without).sum() > 100


def test_labels_do_not_cover_each_other() -> None:
    """Of two objects in one place the one of higher score has its label drawn, in its colour."""
    contours = scene([[SQUARE + 25], [SQUARE + 25]])
    first, second = (
        Contours(60, 80, ("cell",), np.zeros(2, np.int64), np.array(scores), contours.parts)
        for scores in ([0.9, 0.8], [0.8, 0.9])
    )
    for value, expected in ((first, 0), (second, 1)):
        picture = draw_contours(grey(), value, fill=0, line_width=1, labels=True)
        above = picture[:33].reshape(-1, 3).tolist()
        assert list(palette(2)[expected]) in above
        assert list(palette(2)[1 - expected]) not in above


def test_crowded_images_have_labels_only_when_asked() -> None:
    crowd = scene([[SQUARE + 25]] * 51)
    plain = draw_contours(grey(), crowd, labels=False)
    assert (draw_contours(grey(), crowd) == plain).all()
    assert (draw_contours(grey(), crowd, labels=True) != plain).any()
    assert (
        draw_contours(grey(), crowd[:50]) != draw_contours(grey(), crowd[:50], labels=False)
    ).any()


def test_lines_grow_with_the_image() -> None:
    def share_of_columns(size: int) -> int:
        line = np.array([[size / 2, 5.0], [size / 2, size - 5.0], [size / 2, size / 2]])
        contours = Contours(size, size, ("a",), np.array([0]), np.array([1.0]), [[line]])
        picture = draw_contours(np.zeros((size, size, 3), np.uint8), contours, labels=False)
        return int((picture[size // 3].max(axis=1) > 60).sum())

    assert share_of_columns(2400) > share_of_columns(200)
    assert drawn(scene([[SQUARE]]), line_width=5).sum() > drawn(scene([[SQUARE]])).sum()


def test_palette_is_fixed_distinct_and_grows_at_its_end() -> None:
    colors = palette(400)
    assert palette(7) == colors[:7]
    assert len(set(colors)) > 390
    neighbours = np.abs(np.diff(np.array(colors, int), axis=0)).sum(axis=1)
    assert neighbours.min() > 60
    assert palette(0) == []


def test_comparison_puts_truth_left_and_prediction_right() -> None:
    picture = draw_comparison(grey(), scene([[SQUARE]]), scene([[moved(40, 0)]]))
    assert picture.shape == (60, 80 + 4 + 80, 3)
    assert (picture[:, 80:84] == 255).all()
    assert (picture[20, 20] != 100).any()
    assert (picture[20, 60] == 100).all()
    assert (picture[20, 84 + 20] == 100).all()
    assert (picture[20, 84 + 60] != 100).any()


@pytest.mark.parametrize(
    "image", [np.zeros((60, 81, 3), np.uint8), np.zeros((60, 80), np.uint8), np.zeros((60, 80, 3))]
)
def test_another_image_is_refused(image: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8 image of shape"):
        draw_contours(image, scene([[SQUARE]]))


def test_four_hundred_instances_take_well_under_two_seconds() -> None:
    """The bound is generous for slow machines; blending once per instance takes much longer."""
    angle = np.linspace(0, 2 * np.pi, 128, endpoint=False)
    circle = 15 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    centers = np.random.default_rng(0).uniform(0, 1000, (400, 1, 2))
    contours = Contours(
        1040, 1388, ("a",), np.zeros(400, np.int64), np.ones(400), [[c + circle] for c in centers]
    )
    image = np.zeros((1040, 1388, 3), np.uint8)
    start = time.perf_counter()
    draw_contours(image, contours, labels=True)
    assert time.perf_counter() - start < 2.0
