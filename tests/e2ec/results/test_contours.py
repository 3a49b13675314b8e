"""The result type: validation, selection, boxes, areas, masks, reading back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from e2ec.results.contours import Contours
from lib.errors import InputError

SQUARE = np.array([[2.0, 2.0], [6.0, 2.0], [6.0, 6.0], [2.0, 6.0]])
TRIANGLE = np.array([[10.0, 1.0], [14.0, 1.0], [10.0, 4.0]])
FAR_SQUARE = SQUARE + np.array([10.0, 2.0])


def three(**changes: Any) -> Contours:
    """A square, a triangle and an object of two squares on an image of 10 x 20 pixels."""
    values: dict[str, Any] = {
        "height": 10,
        "width": 20,
        "class_names": ("cell", "dirt"),
        "labels": np.array([0, 1, 0]),
        "scores": np.array([0.9, 0.5, 0.7]),
        "parts": [[SQUARE], [TRIANGLE], [SQUARE, FAR_SQUARE]],
        "source": "folder/image.png",
    }
    return Contours(**{**values, **changes})


def test_boxes_and_areas_cover_all_parts() -> None:
    contours = three()
    # Square 4 x 4 = 16; triangle 4 * 3 / 2 = 6; two squares 32, from (2, 2) to (16, 8).
    assert contours.boxes().tolist() == [[2, 2, 6, 6], [10, 1, 14, 4], [2, 2, 16, 8]]
    assert contours.areas().tolist() == [16.0, 6.0, 32.0]
    reversed_square = three(parts=[[SQUARE[::-1]], [TRIANGLE], [SQUARE]])
    assert reversed_square.areas()[0] == 16.0


def test_iteration_yields_instances() -> None:
    first, second, third = three()
    assert (first.label, first.class_name, first.score) == (0, "cell", 0.9)
    assert (second.class_name, second.box, second.area) == ("dirt", (10, 1, 14, 4), 6.0)
    assert len(third.parts) == 2


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        (1, [1]),
        (-1, [0]),
        (np.int64(0), [0]),
        (slice(1, None), [1, 0]),
        (np.array([True, False, True]), [0, 0]),
        ([2, 1], [0, 1]),
        ([], []),
        (np.zeros(3, bool), []),
    ],
)
def test_selection_keeps_everything_else(index: Any, expected: list[int]) -> None:
    chosen = three()[index]
    assert isinstance(chosen, Contours)
    assert chosen.labels.tolist() == expected
    assert len(chosen) == len(chosen.scores) == len(chosen.parts) == len(expected)
    assert (chosen.height, chosen.width, chosen.source) == (10, 20, "folder/image.png")


def test_selection_outside_raises_index_error() -> None:
    with pytest.raises(IndexError):
        three()[3]


def test_filter_keeps_scores_at_the_threshold() -> None:
    assert three().filter(min_score=0.7).scores.tolist() == [0.9, 0.7]
    assert len(three().filter(min_score=0.95)) == 0


def test_masks_unite_the_parts_of_an_instance() -> None:
    masks = three().to_masks()
    assert masks.shape == (3, 10, 20)
    assert masks.dtype == np.uint8
    assert masks[0, 2:6, 2:6].all()
    assert masks[0].sum() == 16
    expected = masks[0].copy()
    expected[4:8, 12:16] = 1
    assert (masks[2] == expected).all()


def test_masks_of_single_parts_agree_with_the_general_case() -> None:
    contours = three()
    assert (contours[:2].to_masks() == contours.to_masks()[:2]).all()


def test_no_instances_work_everywhere() -> None:
    empty = three(labels=[], scores=[], parts=[])
    assert len(empty) == 0
    assert list(empty) == []
    assert empty.boxes().shape == (0, 4)
    assert empty.areas().shape == (0,)
    assert empty.to_masks().shape == (0, 10, 20)
    assert len(empty.filter(min_score=0.5)) == len(empty[:0]) == 0
    assert empty.to_coco(1) == []
    assert empty.to_labelme()["shapes"] == []
    assert empty.to_geojson()["features"] == []
    assert len(Contours.from_json(empty.to_json())) == 0


def test_category_ids_default_to_one_up_to_the_class_count() -> None:
    assert three().category_ids == (1, 2)
    assert three(category_ids=(7, 3)).category_ids == (7, 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"height": 0}, "positive"),
        ({"labels": [0, 1]}, "2 labels, 3 scores, 3 contours do not belong together"),
        ({"holes": [[]]}, "3 contours, 1 lists of holes do not belong together"),
        ({"labels": [0, 1, 2]}, "class indices"),
        ({"labels": [0, 1, -1]}, "class indices"),
        ({"labels": [0.0, 1.0, 0.0]}, "integers"),
        ({"labels": [[0, 1, 0]]}, "one-dimensional"),
        ({"scores": [0.5, 0.5, np.nan]}, "between 0 and 1"),
        ({"scores": [0.5, 0.5, 1.5]}, "between 0 and 1"),
        ({"parts": [[SQUARE], [], [SQUARE]]}, "instance 1 has no parts"),
        ({"parts": [[SQUARE], [SQUARE[:2]], [SQUARE]]}, "instance 1: a part"),
        ({"parts": [[SQUARE], [SQUARE.ravel()], [SQUARE]]}, "instance 1: a part"),
        ({"parts": [[SQUARE], [SQUARE * np.inf], [SQUARE]]}, "not finite"),
        ({"category_ids": (1,)}, "category ids"),
        ({"category_ids": (1, 1)}, "category ids"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_wrong_values_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        three(**changes)


coordinates = st.floats(-50, 150, allow_nan=False)
polygons = st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=8).map(np.array)
instances = st.lists(
    st.tuples(st.integers(0, 2), st.floats(0, 1), st.lists(polygons, min_size=1, max_size=3)),
    max_size=4,
)


@settings(max_examples=40, deadline=None)
@given(instances=instances, decimals=st.integers(0, 4))
def test_reading_back_loses_no_more_than_the_rounding(instances: list, decimals: int) -> None:
    contours = Contours(
        height=100,
        width=100,
        class_names=("a", "b", "c"),
        labels=np.array([label for label, _, _ in instances], np.int64),
        scores=np.array([score for _, score, _ in instances]),
        parts=[parts for _, _, parts in instances],
    )
    read = Contours.from_json(contours.to_json(decimals=decimals))
    assert read.labels.tolist() == contours.labels.tolist()
    assert np.allclose(read.scores, contours.scores, rtol=0, atol=1e-6)
    for one, two in zip(read.parts, contours.parts, strict=True):
        for a, b in zip(one, two, strict=True):
            assert np.abs(a - b).max() <= 0.5 * 10.0**-decimals + 1e-9


@pytest.mark.parametrize("text", ["", "{", "[1, 2", "nonsense", "[" * 100_000])
def test_text_that_is_not_json_is_bad_input(text: str) -> None:
    with pytest.raises(InputError, match=r"frames\.jsonl: not valid JSON"):
        Contours.from_json(text, name="frames.jsonl")


def test_a_document_of_several_images_is_not_one_image() -> None:
    document = three().to_dict()
    document["images"] *= 2
    with pytest.raises(InputError, match="holds 2 images"):
        Contours.from_dict(document)


def test_a_result_is_shown_in_one_short_line() -> None:
    square = np.array([[1.0, 2.0], [11.0, 2.0], [11.0, 12.0], [1.0, 12.0]])
    found = Contours(
        height=303, width=384, class_names=("cell", "nucleus"),
        labels=np.array([1, 0, 1]), scores=np.array([0.97, 0.5, 0.311]),
        parts=[[square], [square, square + 20], [square]], source="coins.png",
    )  # fmt: skip
    assert repr(found) == (
        "Contours(3 instances, 384 x 303 px: 2 nucleus, 1 cell; scores 0.31 to 0.97; "
        "source 'coins.png')"
    )
    assert repr(found[1]) == (
        "Contours(1 instance, 384 x 303 px: 1 cell; scores 0.50 to 0.50; source 'coins.png')"
    )
    assert repr(Contours(3, 4, ("a",), np.zeros(0, np.int64), np.zeros(0), [])) == (
        "Contours(0 instances, 4 x 3 px)"
    )
    assert [repr(instance) for instance in found][1] == (
        "ContourInstance(cell, score 0.50, box 1.0 2.0 31.0 32.0, 2 parts, 8 points)"
    )


def test_it_stays_one_short_line_whatever_it_holds() -> None:
    """A thousand classes with long names of line breaks, ten thousand instances, a long source."""
    names = tuple(f"class\n{number}\x1b[31m\ud800" + 5000 * "x" for number in range(1000))
    square = np.array([[1.0, 2.0], [11.0, 2.0], [11.0, 12.0], [1.0, 12.0]])
    count = 10_000
    found = Contours(
        height=30, width=40, class_names=names, labels=np.arange(count) % 1000,
        scores=np.ones(count), parts=[[square]] * count, source="a\n" * 5000,
    )  # fmt: skip
    for text in (repr(found), repr(next(iter(found)))):
        assert len(text) < 400 and text.isprintable()
    assert "996 more classes" in repr(found)
