"""From a reader's images and annotations, one by one, to a checked `LabelIndex`."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from dataset.checks.problems import Report, Unusable, strict
from dataset.index.columns import Columns, fill_in, pack_names
from dataset.index.inputs import MAX_COORDINATE, check_image, given_numbers, large_enough, outlines
from dataset.index.label_index import LabelIndex
from lib.polygons.ragged import gather


class IndexBuilder:
    """Collects a data set's records, reports what is wrong with them, and makes the index.

    Images, categories and annotations may come in any order; what refers to what is checked in
    `finish`. An item that is reported is left out.

    Args:
        file: what messages name as the file, where an item does not name its own.
        report: told every problem.
        categories: names by id, as far as they are known.
    """

    def __init__(
        self, file: str, report: Report = strict, categories: Mapping[int, str] | None = None
    ) -> None:
        self.file = file
        self._report = report
        self._images: dict[int, tuple[str, int, int]] = {}
        self._categories = dict(categories or {})
        self._ids: set[int] = set()
        self._place: tuple[str, str] | None = None  # file and item that are being read
        self._places: dict[int, tuple[str, str]] = {}  # where an annotation has its own
        self._keys = array("q")  # id, 0 or 1 for having one, image, category, crowd
        self._mask_sizes = array("q")  # height and width of the mask; 0 without
        self._given = array("d")  # area, box; NaN where not given
        self._part_offsets = array("q", [0])
        self._point_offsets = array("q", [0])
        self._coordinates = array("d")
        self._run_offsets = array("q", [0])
        self._runs = array("q")

    def report(self, error: Unusable, item: str, file: str | None = None) -> None:
        """Report what is wrong with an item of a file, None being that of the builder."""
        self._report(error.problem(file or self.file, item))

    @contextmanager
    def reading(self, file: str | Path, item: str = "") -> Iterator[None]:
        """Report what is unusable in the block, under this file and item, and go on behind it.

        The annotations that the block adds are called so too.
        """
        outer, self._place = self._place, (str(file), item)
        try:
            yield
        except Unusable as error:
            self.report(error, item, str(file))
        finally:
            self._place = outer

    def add_image(self, image_id: int, name: str, width: int, height: int) -> None:
        """An image: id, file name relative to the image folder, size in pixels."""
        with self.reading(self.file, f"image {image_id}"):
            if image_id in self._images:
                remedy = "give every image an id of its own"
                raise Unusable("repeated id", "the id appears twice", remedy)
            check_image(name, width, height)
            self._images[image_id] = (name, width, height)

    def add_category(self, category_id: int, name: str) -> None:
        """A category: id and name."""
        if category_id in self._categories:
            error = Unusable("repeated id", "the id appears twice", "keep one of them")
            self.report(error, f"category {category_id}")
        else:
            self._categories[category_id] = name

    def add(
        self,
        *,
        id: int | None,
        image_id: int,
        category_id: int,
        crowd: bool = False,
        polygons: Sequence[np.ndarray | list[float]] = (),
        runs: np.ndarray | None = None,
        size: tuple[int, int] | None = None,
        area: float | None = None,
        bbox: Sequence[float] | None = None,
    ) -> None:
        """An annotation, which messages call by its id, or as `reading` says.

        Args:
            id: its id; one is found where the source has none.
            image_id, category_id: what it belongs to.
            crowd: a region of several objects.
            polygons: outer outlines, each (n, 2) or flat x, y, x, y, ..., pixels. Those of fewer
                than three points are left out.
            runs: run lengths of the exact mask; the outlines are traced where none are given.
            size: (height, width) of the mask.
            area, bbox: square pixels, and x, y, width, height; from the outlines without.
        """
        file, item = self._place or (self.file, f"annotation {id}")
        try:
            if id in self._ids:
                remedy = "give every annotation its own"
                raise Unusable("repeated id", "the id appears twice", remedy)
            given = given_numbers(area, bbox)
            parts = outlines(polygons, None if crowd else runs, size)
            large, few = large_enough(parts, runs, crowd)
        except Unusable as error:
            self.report(error, item, file)
            return
        if few is not None:
            self.report(few, item, file)
        if self._place is not None:
            self._places[len(self._part_offsets) - 1] = self._place
        if id is not None:
            self._ids.add(id)
        self._keys.extend((id or 0, id is not None, image_id, category_id, crowd))
        self._given.extend(given)
        for part in large:
            self._coordinates.extend(part)
            self._point_offsets.append(len(self._coordinates) // 2)
        self._part_offsets.append(len(self._point_offsets) - 1)
        self._mask_sizes.extend((0, 0) if runs is None or size is None else size)
        if runs is not None:
            self._runs.frombytes(np.asarray(runs, np.int64).tobytes())
        self._run_offsets.append(len(self._runs))

    def finish(self, *, labelled: bool = True) -> LabelIndex:
        """Check what refers to what and make the index; the builder is used up.

        Args:
            labelled: False where the source has images and no labels.
        """
        if not self._categories:
            self.report(Unusable("no categories", "has no categories", "list at least one"), "")
        ids = np.fromiter(self._images, np.int64, len(self._images))
        row = _positions(ids, _numbers(self._keys).reshape(-1, 5)[:, 2])
        good = self._check_references(row) & self._check_masks(row) & self._check_points()
        order = np.flatnonzero(good)[np.argsort(row[good], kind="stable")]
        columns = self._columns(ids, order, np.searchsorted(row[order], np.arange(len(ids) + 1)))
        fill_in(columns)
        places = {}
        if self._places and self._report is not strict:  # training never asks for them
            places = {k: self._places[n] for k, n in enumerate(order.tolist()) if n in self._places}
        return LabelIndex(
            source=self.file,
            categories=dict(sorted(self._categories.items())),
            columns=columns,
            rows=np.arange(len(ids)),
            labelled=labelled,
            places=places,
        )

    def _columns(self, ids: np.ndarray, order: np.ndarray, offsets: np.ndarray) -> Columns:
        """The data of the annotations `order`, sorted by image; `offsets`: of each image's."""
        keys = _numbers(self._keys).reshape(-1, 5)
        given = np.frombuffer(self._given).reshape(-1, 5)[order]
        part_offsets, parts = gather(_numbers(self._part_offsets), order)
        point_offsets, points = gather(_numbers(self._point_offsets), parts)
        run_offsets, runs = gather(_numbers(self._run_offsets), order)
        name_offsets, names = pack_names(name for name, _, _ in self._images.values())
        # As complex numbers, so that x and y move in one step.
        pairs = np.frombuffer(self._coordinates, np.complex128)[points]
        return Columns(
            image_ids=ids,
            image_sizes=self._image_sizes(),
            name_offsets=name_offsets,
            names=names,
            annotation_offsets=offsets,
            ids=self._annotation_ids()[order],
            category_ids=keys[order, 3],
            crowd=keys[order, 4] == 1,
            areas=given[:, 0].copy(),
            boxes=given[:, 1:].copy(),
            part_offsets=part_offsets,
            point_offsets=point_offsets,
            points=pairs.view(float).reshape(-1, 2),
            run_offsets=run_offsets,
            runs=_numbers(self._runs)[runs],
        )

    def _annotation_ids(self) -> np.ndarray:
        """(A,) ids; those of annotations without one come after the highest."""
        ids, given = _numbers(self._keys).reshape(-1, 5)[:, :2].T
        return np.where(given == 1, ids, max(self._ids, default=0) + np.cumsum(given == 0))

    def _image_sizes(self) -> np.ndarray:
        sizes = [(height, width) for _, width, height in self._images.values()]
        return np.array(sizes, np.int32).reshape(-1, 2)

    def _reject(self, wrong: np.ndarray, why: Callable[[int], Unusable]) -> np.ndarray:
        """Report the annotations that are `wrong`, (A,) bool, and return which are not."""
        for number in np.flatnonzero(wrong).tolist():
            own = self._places.get(number)
            file, item = own or (self.file, f"annotation {self._annotation_ids()[number]}")
            self.report(why(number), item, file)
        return ~wrong

    def _check_references(self, row: np.ndarray) -> np.ndarray:
        """(A,) bool: image and category are there; `row` is the image's position, -1 for none."""
        keys = _numbers(self._keys).reshape(-1, 5)
        known = np.isin(keys[:, 3], np.fromiter(self._categories, np.int64))

        def why(number: int) -> Unusable:
            if row[number] < 0:
                what = f"image {keys[number, 2]} is not in 'images'"
                return Unusable("unknown image", what, "add the image or remove the annotation")
            what = f"category {keys[number, 3]} is not in 'categories'"
            remedy = "add the category or correct the annotation"
            return Unusable("unknown category", what, remedy)

        return self._reject((row < 0) | ~known, why)

    def _check_masks(self, row: np.ndarray) -> np.ndarray:
        """(A,) bool: the mask, if there is one, is as large as its image."""
        sizes = _numbers(self._mask_sizes).reshape(-1, 2)
        wanted = np.concatenate([self._image_sizes(), [[0, 0]]])[row]
        good = (sizes == wanted).all(axis=1) | (sizes == 0).all(axis=1) | (row < 0)

        def why(number: int) -> Unusable:
            what = (
                f"the mask's 'size' {sizes[number].tolist()} is not [height, width] of its image, "
                f"{wanted[number].tolist()}"
            )
            return Unusable("mask size", what, "correct one of them")

        return self._reject(~good, why)

    def _check_points(self) -> np.ndarray:
        """(A,) bool: all coordinates are finite and not absurdly large."""
        flat = np.frombuffer(self._coordinates)
        bad = np.zeros(len(self._part_offsets) - 1, bool)
        # The extremes are NaN where any value is, and then nothing is above or below.
        if len(flat) and not -MAX_COORDINATE <= flat.min() <= flat.max() <= MAX_COORDINATE:
            wrong = np.flatnonzero(~(np.abs(flat) <= MAX_COORDINATE)) // 2
            parts = np.searchsorted(_numbers(self._point_offsets), wrong, side="right") - 1
            bad[np.searchsorted(_numbers(self._part_offsets), parts, side="right") - 1] = True
        what = "a polygon holds NaN, infinity or a number out of range"
        remedy = "correct or remove the annotation"
        return self._reject(bad, lambda _: Unusable("bad number", what, remedy))


def _numbers(values: array[int]) -> np.ndarray:
    """(n,) int64, without copying."""
    return np.frombuffer(values, np.int64)


def _positions(ids: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Position of every wanted id in `ids`, -1 where it is not there."""
    if len(ids) == 0:
        return np.full(len(wanted), -1)
    order = np.argsort(ids, kind="stable")
    place = np.clip(np.searchsorted(ids[order], wanted), 0, len(ids) - 1)
    found = order[place]
    return np.where(ids[found] == wanted, found, -1)
