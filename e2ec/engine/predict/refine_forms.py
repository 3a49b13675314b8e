"""What people hold instances in, brought to `Contours` and back: contours, masks, polygons."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from dataset.masks.run_lengths import decode_mask, encode_mask
from e2ec.results.contours import Contours
from e2ec.results.instances import Instances
from lib.errors import InputError

Refinable = TypeVar("Refinable", Contours, np.ndarray, list[Any])
"""Contours, masks, or polygons: by instance an (N, 2) array, x then y, pixels, or a list of them,
its parts."""


def to_contours(what: Refinable, size: tuple[int, int], name: str | None) -> Contours:
    """The instances of an image, those of empty masks left out.

    Args:
        what: `Contours`; masks (n, H, W) or (H, W), non-zero inside; or polygons.
        size: (height, width) of the image.
        name: of the image, for messages.

    Raises:
        InputError: contours or masks of another image size.
        ValueError: an array has another shape, a mask holds several numbers, or a polygon is none.
    """
    if isinstance(what, Instances):
        _check_size((what.height, what.width), size, "contours", name)
        return what
    if not isinstance(what, np.ndarray):
        parts = [[entry] if isinstance(entry, np.ndarray) else list(entry) for entry in what]
        return _unnamed(size, len(parts), parts=parts)
    if what.ndim not in (2, 3) or what.dtype.kind not in "bui":
        raise ValueError(
            f"masks are (n, H, W) bool or integers, not {what.shape} {what.dtype}; give polygons "
            "as a list of (N, 2) arrays"
        )
    _check_size((what.shape[-2], what.shape[-1]), size, "masks", name)
    masks = what.reshape(-1, *size)
    runs = [
        encode_mask(masks[i] == _inside(masks, i)) for i in np.flatnonzero(masks.any(axis=(1, 2)))
    ]
    return _unnamed(size, len(runs), runs=runs)


def in_form_of(what: Refinable, refined: Contours) -> Refinable:
    """`refined` in the form of what `to_contours` made it of: new arrays, the same types."""
    if isinstance(what, Instances):
        return refined
    if isinstance(what, np.ndarray):
        result = what.copy()
        masks = result.reshape(-1, refined.height, refined.width)
        filled = np.flatnonzero(masks.any(axis=(1, 2)))
        for i, runs in zip(filled, refined.runs, strict=True):
            assert runs is not None
            masks[i] = decode_mask(runs, refined.height, refined.width) * _inside(masks, i)
        return result
    return [
        parts[0] if isinstance(entry, np.ndarray) else parts
        for entry, parts in zip(what, refined.parts, strict=True)
    ]


def _inside(masks: np.ndarray, index: int) -> Any:
    """What a mask that is not empty holds inside: 1, 255, -1, or the number of the instance."""
    mask = masks[index]
    filled = mask[mask != 0]
    if (filled != filled[0]).any():
        raise ValueError(
            f"mask {index} holds several numbers; of an image of labels give one mask an instance: "
            "labels == np.unique(labels[labels > 0])[:, None, None]"
        )
    return filled[0]


def _unnamed(size: tuple[int, int], count: int, **shapes: Any) -> Contours:
    return Contours(
        height=size[0],
        width=size[1],
        class_names=("",),
        labels=np.zeros(count, np.int64),
        scores=np.ones(count),
        **shapes,
    )


def _check_size(found: tuple[int, int], size: tuple[int, int], what: str, name: str | None) -> None:
    if found != size:
        raise InputError(
            f"{name or 'the image'}: has {size[1]} x {size[0]} pixels, the {what} are of "
            f"{found[1]} x {found[0]}; give the image that they were made for"
        )
