"""Instances from masks, or from an image of object numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dataset.masks.run_lengths import encode_mask
from e2ec.results.instances import AnyInstances
from lib.errors import InputError


def from_masks(
    kind: type[AnyInstances],
    masks: np.ndarray,
    *,
    class_names: Sequence[str] = ("object",),
    labels: Sequence[int] | np.ndarray | None = None,
    scores: Sequence[float] | np.ndarray | None = None,
    source: str | None = None,
) -> AnyInstances:
    """Exact masks as instances: all parts and holes are kept. Masks of no pixel are left out.

    Args:
        kind: what is made.
        masks: (n, H, W), of which everything but 0 is inside; or (H, W) whole numbers, 0 being
            background and every other number one instance, in order.
        class_names: name of every class, by class index.
        labels: (n,) class index of every mask; 0 without.
        scores: (n,) from 0 to 1; 1 without.
        source: name of the image file.

    Raises:
        InputError: shapes or numbers do not belong together.
    """
    array = np.asarray(masks)
    if array.ndim == 2 and array.dtype.kind in "iu":
        numbers = np.unique(array[array != 0])
        found = [array == number for number in numbers]
    elif array.ndim == 3:
        found = [mask != 0 for mask in array]
    else:
        raise InputError(
            "masks must be (n, H, W), or (H, W) whole numbers of objects, "
            f"not {array.shape} {array.dtype}"
        )
    count = len(found)
    height, width = array.shape[-2:]
    kept = np.array([mask.any() for mask in found], bool)
    try:
        return kind(
            height=height,
            width=width,
            class_names=tuple(class_names),
            labels=_each(0 if labels is None else labels, count, np.int64)[kept],
            scores=_each(1.0 if scores is None else scores, count, np.float64)[kept],
            source=source,
            runs=[encode_mask(mask) for mask in found if mask.any()],
        )
    except ValueError as error:
        raise InputError(f"masks: {error}") from error


def _each(values: object, count: int, dtype: type) -> np.ndarray:
    """(count,) values; a single number stands for all."""
    array: np.ndarray = np.asarray(values, dtype)
    return np.full(count, array) if array.ndim == 0 else _of_length(array, count)


def _of_length(array: np.ndarray, count: int) -> np.ndarray:
    if array.shape != (count,):
        raise ValueError(f"{count} masks need as many labels and scores, not {array.shape}")
    return array
