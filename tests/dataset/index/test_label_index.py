"""The index gives back what its builder was given, and shares it with other processes."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from odd_polygons import random_polygon

from dataset.checks.problems import Problem
from dataset.index.builder import IndexBuilder
from dataset.index.label_index import LabelIndex
from dataset.masks.run_lengths import decode_mask, runs_box
from lib.errors import InputError
from lib.polygons.geometry import area, clip_to_box

SQUARE = np.array([[1.0, 1.0], [5.0, 1.0], [5.0, 4.0], [1.0, 4.0]])
# 8 x 10 pixels: column 2, rows 1 to 3; column 4, rows 6 and 7.
RUNS = np.array([17, 3, 18, 2, 40])


def build(seed: int = 0) -> tuple[LabelIndex, list[dict]]:
    """A random index of 6 images, and the annotations it was made from, in random order."""
    rng = np.random.default_rng(seed)
    builder = IndexBuilder("labels")
    for key in rng.permutation(6).tolist():
        builder.add_image(key + 10, f"ordner/bild-ü{key}.png", 10, 8)
    for key in (7, 3):
        builder.add_category(key, f"class {key}")
    given = []
    for number in range(int(rng.integers(0, 15))):
        mask = rng.random() < 0.3
        parts = [rng.uniform(0, 8, (int(rng.integers(3, 9)), 2)) for _ in range(rng.integers(1, 4))]
        entry = {
            "id": None if rng.random() < 0.2 else 100 - number,
            "image_id": int(rng.integers(10, 16)),
            "category_id": int(rng.choice([3, 7])),
            "crowd": bool(rng.random() < 0.2),
            "polygons": [] if mask else parts,
            "runs": RUNS if mask else None,
            "size": (8, 10) if mask else None,
        }
        builder.add(**entry)
        given.append(entry)
    return builder.finish(), given


@given(seed=st.integers(0, 10_000))
def test_everything_comes_back(seed: int) -> None:
    """By image, in the order it was given; missing ids are new ones."""
    index, given_entries = build(seed)
    assert list(index.categories) == [3, 7]
    assert index.annotation_count() == len(given_entries)
    ids = []
    for position in range(len(index)):
        image = index.image(position)
        assert (image.name, image.height, image.width) == (
            f"ordner/bild-ü{image.id - 10}.png",
            8,
            10,
        )
        expected = [entry for entry in given_entries if entry["image_id"] == image.id]
        found = index.annotations(position)
        assert len(found) == len(expected)
        for record, entry in zip(found, expected, strict=True):
            ids.append(record.id)
            assert entry["id"] in (None, record.id)
            assert (record.category_id, record.crowd) == (entry["category_id"], entry["crowd"])
            if entry["runs"] is None:
                assert record.runs is None
                for part, wanted in zip(record.polygons, entry["polygons"], strict=True):
                    assert_array_equal(part, wanted)
            else:
                assert_array_equal(record.runs, RUNS)
                assert len(record.polygons) == (0 if record.crowd else 2)
                assert record.area == 5
                assert record.bbox == (2, 1, 3, 7)
    assert len(set(ids)) == len(ids)


def test_areas_and_boxes_are_filled_in() -> None:
    """The square of 4 x 3; with a second part of 2 x 1 beside it."""
    builder = IndexBuilder("labels")
    builder.add_image(1, "a.png", 20, 20)
    builder.add_category(1, "thing")
    builder.add(id=1, image_id=1, category_id=1, polygons=[SQUARE])
    builder.add(id=2, image_id=1, category_id=1, polygons=[SQUARE, SQUARE / (2, 3) + 10], area=3.5)
    builder.add(id=3, image_id=1, category_id=1, polygons=[SQUARE], bbox=[0, 0, 9, 9])
    builder.add(id=4, image_id=1, category_id=1, polygons=[SQUARE], bbox=[])
    one, two, three, four = builder.finish().annotations(0)
    assert (four.area, four.bbox) == (one.area, one.bbox)
    assert (one.area, one.bbox) == (12, (1, 1, 4, 3))
    assert two.area == 3.5
    assert two.bbox == pytest.approx((1, 1, 11.5, 10 + 4 / 3 - 1))
    assert (three.area, three.bbox) == (12, (0, 0, 9, 9))


def test_callers_cannot_change_the_index() -> None:
    index, _ = build(1)
    position = next(i for i in range(6) if index.annotations(i))
    before = index.annotations(position)[0].polygons[0].copy()
    index.annotations(position)[0].polygons[0][:] = 0
    assert_array_equal(index.annotations(position)[0].polygons[0], before)


@given(seed=st.integers(0, 10_000))
def test_clipped_polygons_end_with_the_image(seed: int) -> None:
    """Polygon by polygon: those inside stay as they are, the others keep what has an area."""
    rng = np.random.default_rng(seed)
    builder = IndexBuilder("labels")
    builder.add_image(1, "a.png", 64, 48)
    builder.add_category(1, "thing")
    given = [[random_polygon(rng) for _ in range(rng.integers(1, 4))] for _ in range(4)]
    given = [parts for parts in given if all(len(part) >= 3 for part in parts)]
    for parts in given:
        builder.add(id=None, image_id=1, category_id=1, polygons=parts)
    index = builder.finish()
    whole, clipped = index.annotations(0), index.annotations(0, clipped=True)
    assert len(whole) == len(clipped) == len(given)
    for one, other, parts in zip(whole, clipped, given, strict=True):
        assert all(map(np.array_equal, one.polygons, parts))
        assert (one.id, one.area, one.bbox) == (other.id, other.area, other.bbox)
        inside = [(p >= 0).all() and (p <= (64, 48)).all() for p in parts]
        seen = [clip_to_box(p, 64, 48) for p in parts]
        expected = [p for p, yes in zip(seen, inside, strict=True) if yes or area(p) > 0]
        assert len(other.polygons) == len(expected)
        assert all(map(np.array_equal, other.polygons, expected))


def test_subset() -> None:
    index, _ = build(2)
    chosen = index.subset(image_ids=[13, 11])
    assert chosen.image_ids == (13, 11) and chosen.categories == index.categories
    assert {a["image_id"] for a in chosen.ground_truth()["annotations"]} <= {11, 13}
    assert index.subset(limit=4).image_ids == index.image_ids[:4]
    assert chosen.subset(limit=1).image_ids == (13,)
    with pytest.raises(InputError, match="labels: image 99"):
        index.subset(image_ids=[99])


EMPTY = {"polygons": [], "runs": np.array([80]), "size": (8, 10)}
BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"image_id": 2}, "unknown image", "stops"),
    ({"category_id": 9}, "unknown category", "stops"),
    ({"polygons": [SQUARE * np.nan]}, "bad number", "stops"),
    ({"polygons": [10**400]}, "bad number", "stops"),
    ({"polygons": [[10**400, 1, 2, 3, 4, 5]]}, "bad number", "stops"),
    ({"bbox": [1]}, "bad number", "stops"),
    ({"polygons": [], "runs": RUNS, "size": (10, 8)}, "mask size", "stops"),
    ({"polygons": [SQUARE[:2]]}, "few points", "left out"),
    ({"polygons": [SQUARE[:2], SQUARE[:2]], "area": 1}, "few points", "left out"),
    ({"polygons": [], "crowd": True}, "no contour", "left out"),
    ({"polygons": []}, "no contour", "left out"),
    (EMPTY, "empty mask", "left out"),
    (EMPTY | {"crowd": True}, "empty mask", "left out"),
]


def test_a_collecting_report_gets_every_problem_and_the_rest_is_kept() -> None:
    problems: list[Problem] = []
    builder = IndexBuilder("labels.json", problems.append)
    for key, name in enumerate(("a.png", "../b.png", "a\ud800.png", "a\0.png"), start=1):
        builder.add_image(key, name, 10, 8)
    builder.add_category(1, "thing")
    good: dict[str, Any] = {"id": 1, "image_id": 1, "category_id": 1, "polygons": [SQUARE]}
    builder.add(**good)
    with builder.reading("b.txt", "line 7"):
        builder.add(**good)
    for key, (change, _, _) in enumerate(BAD, start=2):
        builder.add(**good | {"id": key} | change)
    index = builder.finish()
    assert [a.id for a in index.annotations(0)] == [1]
    expected = [(f"image {key}", "file name", "stops") for key in (2, 3, 4)]
    expected.append(("line 7", "repeated id", "stops"))
    expected += [(f"annotation {key}", *found) for key, (_, *found) in enumerate(BAD, start=2)]
    assert sorted((p.item, p.kind, p.action) for p in problems) == sorted(expected)
    assert {p.file for p in problems} == {"labels.json", "b.txt"}


def test_places_of_annotations() -> None:
    """What a reader says, in the order of the index; workers do without it."""
    problems: list[Problem] = []
    builder = IndexBuilder("labels", problems.append)
    builder.add_category(1, "thing")
    for image, *place in ((2, "b.txt", "line 1"), (1, "a.txt", "line 1"), (1, "labels", "shape 2")):
        with builder.reading(*place):
            builder.add(id=None, image_id=image, category_id=1, polygons=[SQUARE])
    builder.add(id=9, image_id=2, category_id=1, polygons=[SQUARE])
    for key in (1, 2):
        builder.add_image(key, f"{key}.png", 10, 8)
    index = builder.finish()
    expected = [("a.txt", "line 1"), ("labels", "shape 2"), ("b.txt", "line 1")]
    assert [index.subset(limit=1).place(k) for k in range(4)] == [
        *expected,
        ("labels", "annotation 9"),
    ]
    assert pickle.loads(pickle.dumps(index)).places == {}


@given(seed=st.integers(0, 10_000))
def test_box_of_run_lengths(seed: int) -> None:
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 7, 2).tolist()
    mask = rng.random((height, width)) < rng.choice([0.05, 0.5])
    flat = np.concatenate([[False], mask.T.ravel()])
    runs = np.diff([0, *np.flatnonzero(np.diff(flat)), height * width])
    assert_array_equal(decode_mask(runs, height, width), mask)
    rows, columns = np.nonzero(mask)
    expected = (0, 0, 0, 0)
    if len(rows):
        expected = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert runs_box(runs, height) == expected
