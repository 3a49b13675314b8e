"""The flat arrays behind a `LabelIndex`, and how its builder arranges them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from dataset.masks.run_lengths import runs_box
from lib.polygons.geometry import area, bounding_box


@dataclass(frozen=True, eq=False)
class Columns:
    """I images, A annotations in order of their images, P polygons, Q points.

    Attributes:
        image_ids: (I,) int64.
        image_sizes: (I, 2) int32, height then width, pixels.
        name_ends, names: (I + 1,) int64 and uint8: UTF-8 file names, one after the other; bytes of
            names on disk that are not UTF-8 stay as they are.
        annotation_ends: (I + 1,) int64: image i has annotations ends[i] to ends[i + 1].
        ids, category_ids: (A,) int64.
        crowd: (A,) bool.
        areas: (A,) float64, square pixels.
        boxes: (A, 4) float64, x, y, width, height.
        part_ends: (A + 1,) int64: annotation a has polygons ends[a] to ends[a + 1].
        point_ends: (P + 1,) int64: polygon p has points ends[p] to ends[p + 1].
        points: (Q, 2) float64, x then y, pixels.
        run_ends, runs: (A + 1,) int64 and int64: run lengths; none for an annotation of polygons.
        folder: where the arrays lie on disk, None for those that are in memory alone.
    """

    image_ids: np.ndarray
    image_sizes: np.ndarray
    name_ends: np.ndarray
    names: np.ndarray
    annotation_ends: np.ndarray
    ids: np.ndarray
    category_ids: np.ndarray
    crowd: np.ndarray
    areas: np.ndarray
    boxes: np.ndarray
    part_ends: np.ndarray
    point_ends: np.ndarray
    points: np.ndarray
    run_ends: np.ndarray
    runs: np.ndarray
    folder: Path | None = None

    def save(self, folder: Path) -> None:
        """Write every array into a folder.

        Raises:
            OSError: the folder cannot be written.
        """
        for name in _ARRAYS:
            np.save(folder / f"{name}.npy", getattr(self, name), allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> Columns:
        """What `save` wrote, mapped into memory: processes that load it share it.

        Raises:
            OSError, ValueError: a file is missing or damaged.
        """
        paths = {name: folder / f"{name}.npy" for name in _ARRAYS}
        arrays = {
            name: np.load(path, mmap_mode="r", allow_pickle=False) for name, path in paths.items()
        }
        return cls(**arrays, folder=folder)

    def __reduce__(self) -> tuple[Any, ...]:
        """Workers that are started anew open the files instead of getting a copy of them."""
        if self.folder is not None:
            return Columns.load, (self.folder,)
        return Columns, tuple(getattr(self, name) for name in _ARRAYS)


_ARRAYS = tuple(field.name for field in fields(Columns) if field.name != "folder")


def gather(ends: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of varying length in a new order.

    Args:
        ends: (n + 1,) int64: row i holds the elements ends[i] to ends[i + 1].
        order: (m,) int64, the rows wanted.

    Returns:
        The (m + 1,) ends of the new rows, and the old position of every element of theirs.
    """
    lengths = np.diff(ends)[order]
    new_ends = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    shift = np.repeat(ends[order] - new_ends[:-1], lengths)
    return new_ends, np.arange(len(shift)) + shift


def pack_names(names: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
    """Names as `Columns.name_ends` and `Columns.names`."""
    encoded = [name.encode("utf-8", "surrogateescape") for name in names]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    return ends, np.frombuffer(b"".join(encoded), np.uint8)


def fill_in(columns: Columns) -> None:
    """Areas and boxes that are NaN, from the outlines or from the masks, in place."""
    heights = np.repeat(columns.image_sizes[:, 0], np.diff(columns.annotation_ends))
    missing = np.isnan(columns.areas) | np.isnan(columns.boxes).any(axis=1)
    for number in np.flatnonzero(missing).tolist():
        first, last = columns.part_ends[number : number + 2].tolist()
        ends = columns.point_ends[first : last + 1].tolist()
        runs = columns.runs[slice(*columns.run_ends[number : number + 2].tolist())]
        if np.isnan(columns.areas[number]):
            parts = itertools.pairwise(ends)
            columns.areas[number] = (
                runs[1::2].sum() if len(runs) else sum(area(columns.points[a:b]) for a, b in parts)
            )
        if np.isnan(columns.boxes[number]).any():
            if last > first:
                x0, y0, x1, y1 = bounding_box(columns.points[ends[0] : ends[-1]])
            else:
                x0, y0, x1, y1 = runs_box(runs, int(heights[number]))
            columns.boxes[number] = x0, y0, x1 - x0, y1 - y0
