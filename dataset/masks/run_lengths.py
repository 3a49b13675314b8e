"""COCO's run-length encoding of masks, read without trusting what the file says.

A mask is written column by column as the lengths of alternating runs, background first. The
compressed form stores each length in groups of five bits (48 is added to make them printable, bit
32 says that another group follows), from the fourth run on as the difference from the length two
runs before.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def run_lengths(counts: str | bytes | Sequence[int], height: int, width: int) -> np.ndarray:
    """Lengths of the runs of a mask, (n,) int64, which sum to height * width.

    Args:
        counts: COCO's `counts` field: a compressed string or a list of lengths.
        height, width: size of the mask, pixels.

    Raises:
        ValueError: the counts are malformed or do not fill the mask exactly.
    """
    if isinstance(counts, (str, bytes)):
        lengths = _decompress(counts.encode("ascii") if isinstance(counts, str) else counts)
    elif isinstance(counts, list) and set(map(type, counts)) <= {int}:
        try:
            lengths = np.array(counts, dtype=np.int64)
        except OverflowError:
            raise ValueError("run lengths are too large") from None
    else:
        raise ValueError("run lengths must be a string or a list of whole numbers")
    # A sum of whole numbers could wrap around to the right one.
    if (lengths < 0).any() or lengths.sum(dtype=np.float64) != height * width:
        raise ValueError(f"run lengths do not fill a mask of {width} x {height} pixels")
    return lengths


def decode_mask(lengths: np.ndarray, height: int, width: int) -> np.ndarray:
    """The (height, width) bool mask of the run lengths that `run_lengths` returned."""
    values = np.arange(len(lengths)) % 2 == 1
    return np.repeat(values, lengths).reshape(width, height).T


def encode_mask(mask: np.ndarray) -> np.ndarray:
    """The run lengths (n,) int64 of an (H, W) bool mask; undone by `decode_mask`."""
    flat = np.asarray(mask, bool).T.ravel()
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    lengths = np.diff(changes, prepend=0, append=len(flat))
    return np.concatenate([[0], lengths]) if len(flat) and flat[0] else lengths


def encode_window(window: np.ndarray, x: int, y: int, height: int, width: int) -> np.ndarray:
    """The run lengths (n,) int64 of a mask of which a window shows all.

    Args:
        window: (h, w) bool.
        x, y: where its top left pixel lies in the mask.
        height, width: size of the mask, pixels.
    """
    changes = np.diff(np.pad(np.asarray(window, np.int8), ((1, 1), (0, 0))), axis=0)
    columns, rows = np.nonzero(changes.T)
    places = (x + columns) * height + y + rows  # where runs begin and end, by turns
    # One that reaches the end of its column may go on in the next.
    joined = np.flatnonzero(places[1:] == places[:-1])
    places = np.delete(places, np.concatenate([joined, joined + 1]))
    lengths = np.diff(places, prepend=0, append=height * width)
    return lengths[:-1] if len(lengths) > 1 and lengths[-1] == 0 else lengths


def runs_box(lengths: np.ndarray, height: int) -> tuple[int, int, int, int]:
    """Smallest x, smallest y, largest x, largest y of a mask, pixel edges; zeros if it is empty."""
    ends = np.cumsum(lengths)
    ends = ends[: len(ends) // 2 * 2]
    inside = lengths[1::2] > 0
    first, last = ends[0::2][inside], ends[1::2][inside] - 1
    if len(first) == 0:
        return 0, 0, 0, 0
    left, right = int((first // height).min()), int((last // height).max()) + 1
    if (first // height != last // height).any():  # a run that goes on in the next column
        return left, 0, right, height
    return left, int((first % height).min()), right, int((last % height).max()) + 1


def _decompress(data: bytes) -> np.ndarray:
    digits = np.frombuffer(data, dtype=np.uint8).astype(np.int64) - 48
    if len(digits) == 0 or digits.min() < 0 or digits.max() > 63 or digits[-1] & 32:
        raise ValueError("compressed run lengths are malformed")
    last = np.flatnonzero(digits & 32 == 0)
    first = np.concatenate([[0], last[:-1] + 1])
    if int((last - first).max()) > 9:
        raise ValueError("compressed run lengths are malformed")
    place = 5 * (np.arange(len(digits)) - np.repeat(first, last - first + 1))
    lengths = np.add.reduceat((digits & 31) << place, first)
    # Bit 16 of the last group is the sign.
    lengths = np.where(digits[last] & 16, lengths - (1 << (place[last] + 5)), lengths)
    lengths[1::2] = np.cumsum(lengths[1::2])
    lengths[2::2] = np.cumsum(lengths[2::2])
    return lengths
