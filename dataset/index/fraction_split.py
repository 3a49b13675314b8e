"""Dividing one data set into images to train on and images to validate on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dataset.index.label_index import LabelIndex
from lib.errors import InputError

DEFAULT_FRACTION = 0.2
"""The share of the images that validates where nobody says another."""


def divide_names(names: Sequence[str], fraction: float, seed: int) -> tuple[list[int], list[int]]:
    """Positions of the images to train on and to validate on, both in order.

    Which images validate depends on the set of names, the fraction and the seed alone: not on the
    order of the names, nor on a folder that all of them start with. An image that is named twice
    is in one part only. Each part has at least one image.

    Args:
        names: the file name of every image.
        fraction: the share that validates, in (0, 1); to the nearest number of images.
        seed: another one gives another choice of the same size.

    Raises:
        ValueError: there are fewer than two images, or the fraction is out of range.
    """
    different = sorted(set(names))
    if not 0 < fraction < 1:
        raise ValueError(f"fraction must lie in (0, 1), not {fraction}")
    if len(different) < 2:
        raise ValueError("fewer than two images cannot be divided")
    count = min(max(1, round(fraction * len(different))), len(different) - 1)
    chosen = np.random.default_rng(seed).permutation(len(different))[:count]
    validating = {different[place] for place in chosen.tolist()}
    train = [place for place, name in enumerate(names) if name not in validating]
    val = [place for place, name in enumerate(names) if name in validating]
    return train, val


def divide(index: LabelIndex, fraction: float, seed: int) -> tuple[LabelIndex, LabelIndex]:
    """The images of an index to train on, and those to validate on (`divide_names`).

    Raises:
        InputError: there are fewer than two images.
    """
    names = index.image_names
    if len(set(names)) < 2:
        raise InputError(
            f"{index.source}: has {len(set(names))} image, and validation needs one of its own; "
            "label more images"
        )
    train, val = divide_names(names, fraction, seed)
    return (
        replace(index, rows=index.rows[np.array(train, np.int64)]),
        replace(index, rows=index.rows[np.array(val, np.int64)]),
    )
