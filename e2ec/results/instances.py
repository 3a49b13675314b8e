"""The data of a result: the instances of one image, as polygons with holes or as masks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from dataset.masks.run_lengths import runs_box
from e2ec.results.one_line import one_line
from e2ec.results.shapes import LazyRings, TracedMasks, as_given, checked_polygons, checked_runs
from lib.polygons.geometry import area, bounding_box

_CLASSES_SHOWN = 4

AnyInstances = TypeVar("AnyInstances", bound="Instances")


@dataclass(frozen=True, eq=False, repr=False)
class ContourInstance:
    """One instance: its class, its score, and its contour in one or several parts.

    Attributes:
        label: index of the class.
        class_name: name of the class.
        score: confidence, 0 to 1.
        parts: closed polygons, each (N, 2) float64; the last point does not repeat the first.
        holes: the holes of every part, (M, 2) polygons; empty where no part has any.
        runs: run lengths of the exact mask where the instance is a mask. All as in `Instances`.
        track_id: number of its track in a video, -1 where it has none; None without tracks.
    """

    label: int
    class_name: str
    score: float
    parts: list[np.ndarray]
    holes: list[list[np.ndarray]] = field(default_factory=list)
    runs: np.ndarray | None = None
    track_id: int | None = None

    def __repr__(self) -> str:
        rings = [*self.parts, *self._all_holes]
        x0, y0, x1, y1 = self.box
        holes = f"{_counted(len(self._all_holes), 'hole')}, " if self._all_holes else ""
        return (
            f"ContourInstance({one_line(self.class_name)}, score {self.score:.2f}, "
            f"box {x0:.1f} {y0:.1f} {x1:.1f} {y1:.1f}, {_counted(len(self.parts), 'part')}, "
            f"{holes}{sum(map(len, rings))} points)"
        )

    @property
    def components(self) -> list[tuple[np.ndarray, list[np.ndarray]]]:
        """Every part with its holes."""
        return list(zip(self.parts, self.holes or [[]] * len(self.parts), strict=True))

    @property
    def box(self) -> tuple[float, float, float, float]:
        """The smallest box (x0, y0, x1, y1) around all parts, in pixels."""
        return bounding_box(np.concatenate(self.parts))

    @property
    def area(self) -> float:
        """See `components_area`; an overlap of parts counts twice."""
        return components_area(self.parts, self.holes)

    @property
    def _all_holes(self) -> list[np.ndarray]:
        return [hole for holes in self.holes for hole in holes]


@dataclass(frozen=True, eq=False, repr=False)
class Instances:
    """The instances found in, or labelled on, one image of `height` x `width` pixels.

    An instance is either a list of parts with holes, or an exact mask as run lengths. Parts and
    holes of a mask are traced when they are asked for, and kept.

    Polygons may leave the image, as those of whole objects at its border do. They are kept and
    written as they are; masks, and box and area of COCO results, end at the border.

    Attributes:
        height, width: size of the original image in pixels.
        class_names: name of every class, by class index.
        labels: (n,) int64, class index of every instance.
        scores: (n,) float64, 0 to 1; labels of a data set have score 1.
        parts: one list per instance with at least one part, an (N, 2) float64 array with N >= 3,
            x then y, pixels of the original image, centre of the top-left pixel at (0.5, 0.5).
            For an instance with run lengths give an empty list; if all have them, give no parts.
        category_ids: COCO category id of every class; empty stands for 1, 2, ..., C.
        source: name of the image file or video the instances belong to.
        holes: the holes of every part, (M, 2) arrays: `holes[i][k]` is a list. An empty list may
            stand for an instance without holes, and an empty sequence for an image without any.
        runs: one entry per instance: COCO's uncompressed run lengths, (r,) int64, of its mask over
            the image, column by column, background first; None for polygons.
        track_ids: (n,) int64, the track of every instance in a video, 1, 2, ..., and -1 where it
            has none; None where nothing is tracked.

    Raises:
        ValueError: lengths disagree, a number is not finite or out of range, a ring has fewer than
            three points, an instance has both polygons and run lengths or neither, or run lengths
            do not fill the image or show nothing.
    """

    height: int
    width: int
    class_names: tuple[str, ...]
    labels: np.ndarray
    scores: np.ndarray
    parts: Sequence[list[np.ndarray]] = ()
    category_ids: tuple[int, ...] = ()
    source: str | None = None
    holes: Sequence[list[list[np.ndarray]]] = ()
    runs: Sequence[np.ndarray | None] = ()
    track_ids: np.ndarray | None = None

    def __post_init__(self) -> None:
        # The class is frozen so that a checked object stays checked; hence object.__setattr__.
        put = object.__setattr__
        put(self, "height", int(self.height))
        put(self, "width", int(self.width))
        put(self, "class_names", tuple(self.class_names))
        put(self, "labels", _vector(self.labels, np.int64, "labels"))
        put(self, "scores", _vector(self.scores, np.float64, "scores"))
        ids = self.category_ids or range(1, len(self.class_names) + 1)
        put(self, "category_ids", tuple(map(int, ids)))
        if self.track_ids is not None:
            put(self, "track_ids", _vector(self.track_ids, np.int64, "track ids"))
        self._put_shapes()
        self._check()

    def _put_shapes(self) -> None:
        """Check parts, holes and run lengths, and bring each to one entry an instance."""
        count, size = len(self.labels), (self.height, self.width)
        runs = list(self.runs) or [None] * count
        masks = any(entry is not None for entry in runs)
        parts = as_given(self.parts) or [[] for _ in range(count * masks)]
        holes = as_given(self.holes) or [[] for _ in range(count)]
        lengths = {"labels": count, "scores": len(self.scores), "contours": len(parts)}
        lengths |= {"lists of holes": len(holes)} if len(self.holes) else {}
        lengths |= {"masks": len(runs)} if len(self.runs) else {}
        if set(lengths.values()) != {count}:
            counts = ", ".join(f"{number} {what}" for what, number in lengths.items())
            raise ValueError(f"{counts} do not belong together")
        for i, mask in enumerate(runs):
            if mask is None:
                parts[i], holes[i] = checked_polygons(parts[i], holes[i], i)
            elif len(parts[i]) or len(holes[i]):
                raise ValueError(f"instance {i}: give polygons or run lengths, not both")
            else:
                runs[i] = checked_runs(mask, size, i)
        put = object.__setattr__
        put(self, "runs", runs)
        traced = TracedMasks(runs, self.height)
        put(self, "parts", LazyRings(parts, traced, 0) if masks else parts)
        put(self, "holes", LazyRings(holes, traced, 1) if masks else holes)

    def _check(self) -> None:
        if self.height < 1 or self.width < 1:
            raise ValueError(f"image size must be positive, not {self.height} x {self.width}")
        if len(set(self.category_ids)) != len(self.class_names):
            raise ValueError(
                f"{len(self.class_names)} classes need as many different category ids, "
                f"not {self.category_ids}"
            )
        if np.any((self.labels < 0) | (self.labels >= len(self.class_names))):
            raise ValueError(f"labels must be class indices below {len(self.class_names)}")
        if not np.all((self.scores >= 0) & (self.scores <= 1)):
            raise ValueError("scores must lie between 0 and 1")
        if self.track_ids is not None and len(self.track_ids) != len(self.labels):
            raise ValueError(
                f"{len(self.labels)} labels and {len(self.track_ids)} track ids "
                "do not belong together"
            )

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        counts = np.bincount(self.labels, minlength=len(self.class_names))
        found = [i for i in np.argsort(-counts, kind="stable") if counts[i]]
        text = f"{_counted(len(self), 'instance')}, {self.width} x {self.height} px"
        if found:
            shown = [f"{counts[i]} {one_line(self.class_names[i])}" for i in found[:_CLASSES_SHOWN]]
            more = [f"{len(found) - len(shown)} more classes"] if len(found) > len(shown) else []
            text += f": {', '.join([*shown, *more])}"
            text += f"; scores {self.scores.min():.2f} to {self.scores.max():.2f}"
        source = f"; source {one_line(self.source)!r}" if self.source else ""
        return f"{type(self).__name__}({text}{source})"

    def __getitem__(
        self: AnyInstances, index: int | slice | np.ndarray | Sequence[Any]
    ) -> AnyInstances:
        """Some of the instances: an index, a slice, a boolean mask (n,) or an array of indices."""
        chosen = np.atleast_1d(np.arange(len(self))[_as_index(index)])
        parts, holes = as_given(self.parts), as_given(self.holes)
        return replace(
            self,
            labels=self.labels[chosen],
            scores=self.scores[chosen],
            parts=[parts[i] for i in chosen],
            holes=[holes[i] for i in chosen],
            runs=[self.runs[i] for i in chosen],
            track_ids=None if self.track_ids is None else self.track_ids[chosen],
        )

    def __iter__(self) -> Iterator[ContourInstance]:
        for i, (label, score) in enumerate(zip(self.labels, self.scores, strict=True)):
            yield ContourInstance(
                int(label),
                self.class_names[label],
                float(score),
                self.parts[i],
                self.holes[i],
                self.runs[i],
                None if self.track_ids is None else int(self.track_ids[i]),
            )

    def boxes(self) -> np.ndarray:
        """(n, 4) float64: the box x0, y0, x1, y1 of every instance, in pixels."""
        boxes = [
            bounding_box(np.concatenate(self.parts[i]))
            if runs is None
            else runs_box(runs, self.height)
            for i, runs in enumerate(self.runs)
        ]
        return np.array(boxes, np.float64).reshape(-1, 4)

    def areas(self) -> np.ndarray:
        """(n,) float64: the area of every instance, in square pixels (see ContourInstance.area)."""
        areas = [
            components_area(self.parts[i], self.holes[i]) if runs is None else runs[1::2].sum()
            for i, runs in enumerate(self.runs)
        ]
        return np.array(areas, np.float64)

    @property
    def source_name(self) -> str:
        """The file name of `source` without its folder, or an empty string."""
        return Path(self.source).name if self.source else ""


def components_area(parts: Sequence[np.ndarray], holes: Sequence[Sequence[np.ndarray]]) -> float:
    """The areas of parts less those of all their holes, in square pixels."""
    return float(sum(map(area, parts)) - sum(area(hole) for inner in holes for hole in inner))


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def _vector(values: Any, dtype: type, what: str) -> np.ndarray:
    array = np.asarray(values)
    if array.size == 0:
        array = np.zeros(0, dtype)
    if array.ndim != 1:
        raise ValueError(f"{what} must be one-dimensional, not {array.shape}")
    if np.issubdtype(dtype, np.integer) and not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{what} must be integers, not {array.dtype}")
    return array.astype(dtype)


def _as_index(index: Any) -> Any:
    if isinstance(index, (int, np.integer, slice)):
        return index
    array = np.asarray(index)
    return array.astype(np.int64) if array.size == 0 and array.dtype != bool else array
