"""Labels on pictures: readable, inside the picture, beside the objects, or left out."""

from __future__ import annotations

import numpy as np
import pytest

from e2ec.results.contours import Contours
from e2ec.results.draw.labels import text_scale
from e2ec.results.draw.visualize import draw_contours, palette

UNIT = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


def scene(
    height: int, width: int, *boxes: tuple[float, float, float], name: str = "cell"
) -> tuple[np.ndarray, Contours]:
    """Squares (x, y, side) on grey, and that picture."""
    parts = [[UNIT * side + np.array([x, y])] for x, y, side in boxes]
    count = len(boxes)
    contours = Contours(
        height, width, (name,), np.zeros(count, np.int64), np.linspace(0.9, 0.5, count), parts
    )
    return np.full((height, width, 3), 100, np.uint8), contours


def label_pixels(image: np.ndarray, contours: Contours) -> np.ndarray:
    """(H, W) bool: what labels changed."""
    with_labels = draw_contours(image, contours, fill=0, labels=True)
    return (with_labels != draw_contours(image, contours, fill=0, labels=False)).any(axis=2)


@pytest.mark.parametrize(("height", "width"), [(128, 128), (512, 512), (2000, 3000)])
def test_a_label_stands_above_its_object_and_is_a_small_part_of_the_picture(
    height: int, width: int
) -> None:
    side = height / 4
    image, contours = scene(height, width, (width / 3, height / 2, side))
    rows, columns = np.nonzero(label_pixels(image, contours))
    assert height / 4 < rows.min() and rows.max() < height / 2 + 1
    assert abs(columns.min() - width / 3) < 2
    assert np.ptp(columns) <= 0.5 * width and np.ptp(rows) <= 0.25 * height


def test_letters_grow_with_the_picture() -> None:
    assert text_scale(64, 64) == text_scale(300, 500) == 0.35
    assert text_scale(2000, 3000) == 1.875 and text_scale(4000, 6000) == 3.75
    assert text_scale(100, 3000) == 0.35  # a strip is not filled by its label


def test_text_that_does_not_fit_is_shortened_then_left_out() -> None:
    """128 pixels hold "nucleus", not "nucleus number 3 0.90"; 64 pixels neither."""
    object_ = (30, 50, 50)
    full = label_pixels(*scene(512, 512, object_, name="nucleus no. 3")).sum()
    name = label_pixels(*scene(128, 128, object_, name="nucleus no.")).sum()
    assert 0 < name < full
    assert not label_pixels(*scene(64, 64, (10, 30, 20), name="nucleus no. 3")).any()
    assert label_pixels(*scene(64, 64, (10, 30, 20), name="rod")).any()


def test_a_label_covers_neither_its_small_object_nor_others() -> None:
    """Where there is no room but inside, the label would hide too much of a low object. Between a
    neighbour above and one below there is none either."""
    image, contours = scene(64, 64, (20, 0, 64))
    wide = label_pixels(image, contours)
    assert wide.any() and wide[:, :20].sum() == 0 and wide.sum() < 0.3 * 64 * 44
    assert not label_pixels(*scene(50, 64, (20, 11, 28), name="cells")).any()
    image, crowd = scene(96, 96, (35, 6, 25), (35, 33, 25), (35, 60, 25))
    changed = label_pixels(image, crowd[1])
    assert changed.any()
    assert not label_pixels(image, crowd)[34:58, 36:58].any()


def test_a_label_below_where_there_is_no_room_above() -> None:
    image, contours = scene(128, 128, (30, 2, 30))
    rows, _ = np.nonzero(label_pixels(image, contours))
    assert rows.min() >= 31 and rows.max() < 50


def test_a_line_break_in_a_name_is_no_second_line() -> None:
    image, contours = scene(512, 512, (100, 200, 100), name="a\nb")
    other = scene(512, 512, (100, 200, 100), name="a b")[1]
    assert np.array_equal(draw_contours(image, contours), draw_contours(image, other))
    assert list(palette(1)[0]) in draw_contours(image, contours).reshape(-1, 3).tolist()
