"""Dividing one data set into images to train on and images to validate on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dataset.index.label_index import LabelIndex
from lib.errors import InputError

DEFAULT_FRACTION = 0.2
"""The share of the images that validates where nobody says another."""


def divide(index: LabelIndex, fraction: float, seed: int) -> tuple[LabelIndex, LabelIndex]:
    """The images of an index to train on, and those to validate on, both in order.

    Which images validate depends on the set of their names, the fraction and the seed alone: not on
    the order of the names, nor on a folder that all of them start with. An image that is named
    twice is in one part only. Each part has at least one image.

    Args:
        index: all images.
        fraction: the share that validates, in (0, 1); to the nearest number of images.
        seed: another one gives another choice of the same size.

    Raises:
        InputError: there are fewer than two images.
        ValueError: the fraction is out of range.
    """
    names = index.image_names
    different = sorted(set(names))
    if not 0 < fraction < 1:
        raise ValueError(f"fraction must lie in (0, 1), not {fraction}")
    if len(different) < 2:
        raise InputError(
            f"{index.source}: has {len(different)} image, and validation needs one of its own; "
            "label more images"
        )
    count = min(max(1, round(fraction * len(different))), len(different) - 1)
    chosen = np.random.default_rng(seed).permutation(len(different))[:count]
    validating = {different[place] for place in chosen.tolist()}
    validates = np.array([name in validating for name in names])
    return replace(index, rows=index.rows[~validates]), replace(index, rows=index.rows[validates])
