"""Dividing one set of images: a function of names, fraction and seed, and of nothing else."""

from __future__ import annotations

import random

import numpy as np
import pytest

from dataset.index.builder import IndexBuilder
from dataset.index.fraction_split import divide
from dataset.index.label_index import LabelIndex
from lib.errors import InputError

NAMES = [f"{letter}.jpg" for letter in "abcdefghij"]


def index_of(names: list[str]) -> LabelIndex:
    builder = IndexBuilder("labels.json")
    builder.add_category(3, "thing")
    for key, name in enumerate(names):
        builder.add_image(key + 100, name, 8, 8)
    return builder.finish()


def validating(names: list[str], fraction: float, seed: int = 0) -> set[str]:
    index = index_of(names)
    train, val = divide(index, fraction, seed)
    assert sorted(train.image_ids + val.image_ids) == list(index.image_ids)
    for half in (train, val):
        assert half.image_ids == tuple(sorted(half.image_ids))
        assert list(half.image_names) == [half.image(place).name for place in range(len(half))]
        assert half.categories == {3: "thing"}
    assert not set(train.image_names) & set(val.image_names)
    return set(val.image_names)


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
        validating([*NAMES, "a.jpg"], 0.3, seed)


def test_what_cannot_be_divided() -> None:
    for names in ([], ["a"], ["a", "a"]):
        with pytest.raises(InputError, match=r"labels\.json: has [01] image"):
            divide(index_of(names), 0.2, 0)
    for fraction in (0, 1):
        with pytest.raises(ValueError, match="fraction"):
            divide(index_of(NAMES), fraction, 0)
