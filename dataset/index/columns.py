"""The flat arrays behind a `LabelIndex`, and how its builder arranges them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from dataset.masks.run_lengths import runs_box
from lib.polygons.geometry import area, bounding_box
from lib.polygons.ragged import Ragged, offsets_of


@dataclass(frozen=True, eq=False)
class Columns:
    """I images, A annotations in order of their images, P polygons, Q points.

    Attributes:
        image_ids: (I,) int64.
        image_sizes: (I, 2) int32, height then width, pixels.
        name_offsets, names: (I + 1,) int64 and uint8: UTF-8 file names, one after the other; bytes
            of names on disk that are not UTF-8 stay as they are.
        annotation_offsets: (I + 1,) int64: image i has annotations offsets[i] to offsets[i + 1].
        ids, category_ids: (A,) int64.
        crowd: (A,) bool.
        areas: (A,) float64, square pixels.
        boxes: (A, 4) float64, x, y, width, height.
        part_offsets: (A + 1,) int64: annotation a has polygons offsets[a] to offsets[a + 1].
        point_offsets, points: (P + 1,) int64 and (Q, 2) float64: `polygons`, x then y, pixels.
        run_offsets, runs: (A + 1,) and (.,) int64: run lengths; none for annotations of polygons.
        folder: where the arrays lie on disk, None for those that are in memory alone.
    """

    image_ids: np.ndarray
    image_sizes: np.ndarray
    name_offsets: np.ndarray
    names: np.ndarray
    annotation_offsets: np.ndarray
    ids: np.ndarray
    category_ids: np.ndarray
    crowd: np.ndarray
    areas: np.ndarray
    boxes: np.ndarray
    part_offsets: np.ndarray
    point_offsets: np.ndarray
    points: np.ndarray
    run_offsets: np.ndarray
    runs: np.ndarray
    folder: Path | None = None

    @property
    def polygons(self) -> Ragged:
        """All polygons, for reading: the arrays are not copied."""
        return Ragged(self.points, self.point_offsets)

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


def pack_names(names: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
    """Names as `Columns.name_offsets` and `Columns.names`."""
    encoded = [name.encode("utf-8", "surrogateescape") for name in names]
    return offsets_of([len(name) for name in encoded]), np.frombuffer(b"".join(encoded), np.uint8)


def fill_in(columns: Columns) -> None:
    """Areas and boxes that are NaN, from the outlines or from the masks, in place."""
    heights = np.repeat(columns.image_sizes[:, 0], np.diff(columns.annotation_offsets))
    missing = np.isnan(columns.areas) | np.isnan(columns.boxes).any(axis=1)
    for number in np.flatnonzero(missing).tolist():
        polygons = columns.polygons.slice(*columns.part_offsets[number : number + 2].tolist())
        runs = columns.runs[slice(*columns.run_offsets[number : number + 2].tolist())]
        if np.isnan(columns.areas[number]):
            columns.areas[number] = runs[1::2].sum() if len(runs) else sum(map(area, polygons))
        if np.isnan(columns.boxes[number]).any():
            if len(polygons):
                x0, y0, x1, y1 = bounding_box(polygons.points)
            else:
                x0, y0, x1, y1 = runs_box(runs, int(heights[number]))
            columns.boxes[number] = x0, y0, x1 - x0, y1 - y0
