"""Dividing one set of images: a function of names, fraction and seed, and of nothing else."""

from __future__ import annotations

import random

import numpy as np
import pytest

from dataset.index.builder import IndexBuilder
from dataset.index.fraction_split import divide, divide_names
from lib.errors import InputError

NAMES = [f"{letter}.jpg" for letter in "abcdefghij"]


def validating(names: list[str], fraction: float, seed: int = 0) -> set[str]:
    train, val = divide_names(names, fraction, seed)
    assert sorted(train + val) == list(range(len(names)))
    assert train == sorted(train) and val == sorted(val)
    return {names[place] for place in val}


def test_a_permutation_of_the_sorted_names() -> None:
    order = np.random.default_rng(7).permutation(10)
    assert validating(NAMES, 0.3, 7) == {NAMES[order[0]], NAMES[order[1]], NAMES[order[2]]}


def test_neither_order_nor_a_common_folder_matters() -> None:
    shuffled = NAMES.copy()
    random.Random(0).shuffle(shuffled)
    assert validating(shuffled, 0.2) == validating(NAMES, 0.2)
    folder = [f"images/train/{name}" for name in NAMES]
    assert validating(folder, 0.2) == {f"images/train/{name}" for name in validating(NAMES, 0.2)}


def test_seeds_choose_differently() -> None:
    assert len({frozenset(validating(NAMES, 0.2, seed)) for seed in range(10)}) > 5


@pytest.mark.parametrize(
    ("count", "fraction", "expected"),
    [(10, 0.2, 2), (10, 0.26, 3), (2, 0.01, 1), (2, 0.99, 1), (5, 0.999, 4), (3, 0.2, 1)],
)
def test_both_parts_have_an_image(count: int, fraction: float, expected: int) -> None:
    assert len(validating(NAMES[:count], fraction)) == expected


def test_an_image_that_is_named_twice_is_in_one_part() -> None:
    for seed in range(20):
        names = [*NAMES, "a.jpg"]
        train, val = ({names[i] for i in half} for half in divide_names(names, 0.3, seed))
        assert not train & val


@pytest.mark.parametrize(("names", "fraction"), [(["a"], 0.2), ([], 0.2), (NAMES, 0), (NAMES, 1)])
def test_what_cannot_be_divided(names: list[str], fraction: float) -> None:
    with pytest.raises(ValueError, match=r"divided|fraction"):
        divide_names(names, fraction, 0)


def test_an_index_keeps_its_classes_in_both_parts() -> None:
    builder = IndexBuilder("labels.json")
    builder.add_category(3, "thing")
    for key, name in enumerate(NAMES):
        builder.add_image(key + 100, name, 8, 8)
    index = builder.finish()
    train, val = divide(index, 0.2, 0)
    for half in (train, val):
        assert list(half.image_names) == [half.image(place).name for place in range(len(half))]
    assert (len(train), len(val)) == (8, 2)
    assert train.categories == val.categories == {3: "thing"}
    assert set(val.image_names) == validating(NAMES, 0.2)
    with pytest.raises(InputError, match=r"labels\.json: has 1 image"):
        divide(index.subset(limit=1), 0.2, 0)
