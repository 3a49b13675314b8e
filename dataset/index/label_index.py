"""The labels of a whole data set in a few flat arrays.

A list of records would be copied into every loader worker, page by page, as reference counts
change; arrays are shared, and come from a file without being read (`dataset.index.cache`).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from dataset.index.columns import Columns
from dataset.index.records import AnnotationRecord, ImageRecord
from lib.errors import InputError
from lib.polygons.ragged import Ragged, gather


@dataclass(frozen=True, eq=False)
class LabelIndex:
    """Images and annotations of a data set, or of some of its images.

    Attributes:
        source: the file or folder the labels come from, for messages.
        categories: names by category id, ids ascending; the position is the class index.
        columns: the data; shared with all other subsets.
        rows: (n,) int64, which images of the columns are in, in order.
        labelled: False where the source has images and no labels (a test set).
        places: file and item ("line 3") of annotations by their position in the columns, for
            messages, as far as the source has no ids; empty where only training is to be done.
    """

    source: str
    categories: dict[int, str]
    columns: Columns
    rows: np.ndarray
    labelled: bool = True
    places: Mapping[int, tuple[str, str]] = field(default_factory=dict, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        """Loader workers, which get the index pickled, have no use for the places."""
        return {**self.__dict__, "places": {}}

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def image_ids(self) -> tuple[int, ...]:
        """Image id of every image, in order."""
        return tuple(self.columns.image_ids[self.rows].tolist())

    @property
    def image_names(self) -> tuple[str, ...]:
        """File name of every image, in order."""
        names, ends = self.columns.names.tobytes(), self.columns.name_offsets.tolist()
        texts = (names[ends[row] : ends[row + 1]] for row in self.rows.tolist())
        return tuple(text.decode("utf-8", "surrogateescape") for text in texts)

    def image(self, position: int) -> ImageRecord:
        """The image at a position."""
        row = int(self.rows[position])
        c = self.columns
        name = c.names[slice(*c.name_offsets[row : row + 2])].tobytes()
        text = name.decode("utf-8", "surrogateescape")
        height, width = c.image_sizes[row].tolist()
        return ImageRecord(int(c.image_ids[row]), text, width, height)

    def annotations(self, position: int, *, clipped: bool = False) -> list[AnnotationRecord]:
        """The annotations of the image at a position, crowd regions included.

        Args:
            position: of the image.
            clipped: polygons end where the image ends; those that lie outside are left out.
        """
        row = int(self.rows[position])
        c = self.columns
        first, last = c.annotation_offsets[row : row + 2].tolist()
        part_offsets = c.part_offsets[first : last + 1]
        polygons = c.polygons.slice(int(part_offsets[0]), int(part_offsets[-1]))
        # A copy: a caller's changes must not reach the shared arrays, nor the file behind them.
        polygons = Ragged(np.array(polygons.points), polygons.offsets)
        if clipped:
            polygons = _within(polygons, *c.image_sizes[row].tolist())
        parts = iter(polygons)
        values = zip(
            c.ids[first:last].tolist(),
            c.category_ids[first:last].tolist(),
            c.crowd[first:last].tolist(),
            c.areas[first:last].tolist(),
            c.boxes[first:last].tolist(),
            itertools.pairwise(c.run_offsets[first : last + 1].tolist()),
            np.diff(part_offsets).tolist(),
            strict=True,
        )
        return [
            AnnotationRecord(
                id=key,
                image_id=int(c.image_ids[row]),
                category_id=category_id,
                crowd=crowd,
                polygons=[part for part in itertools.islice(parts, count) if len(part)],
                runs=np.array(c.runs[start:stop]) if stop > start else None,
                area=area,
                bbox=tuple(box),
            )
            for key, category_id, crowd, area, box, (start, stop), count in values
        ]

    def objects(self) -> tuple[np.ndarray, np.ndarray]:
        """The annotations of all images in order, without crowd regions.

        Returns:
            (n,) int64 positions in the columns, and (n,) int64 position of each one's image.
        """
        ends, numbers = gather(self.columns.annotation_offsets, self.rows)
        positions = np.repeat(np.arange(len(self)), np.diff(ends))
        learned = ~self.columns.crowd[numbers]
        return numbers[learned], positions[learned]

    def place(self, number: int) -> tuple[str, str]:
        """File and item of the annotation at a position in the columns, for messages."""
        return self.places.get(number) or (self.source, f"annotation {self.columns.ids[number]}")

    def annotation_count(self) -> int:
        """Number of annotations, crowd regions included."""
        return int(np.diff(self.columns.annotation_offsets)[self.rows].sum())

    def subset(
        self, *, image_ids: Sequence[int] | None = None, limit: int | None = None
    ) -> LabelIndex:
        """The images with these ids, in this order, or all; at most the first `limit` of them.

        Raises:
            InputError: an id is not there.
        """
        rows = self.rows
        if image_ids is not None:
            by_id = dict(zip(self.image_ids, rows.tolist(), strict=True))
            missing = [key for key in image_ids if key not in by_id]
            if missing:
                raise InputError(
                    f"{self.source}: image {missing[0]} was asked for but is not in it"
                )
            rows = np.array([by_id[key] for key in image_ids], np.int64)
        return replace(self, rows=rows[:limit])

    def ground_truth(self) -> dict[str, Any]:
        """COCO dictionary of exactly these images, crowd regions included."""
        images = [self.image(position) for position in range(len(self))]
        return {
            "info": {},
            "licenses": [],
            "images": [
                {"id": i.id, "file_name": i.name, "width": i.width, "height": i.height}
                for i in images
            ],
            "categories": [{"id": key, "name": name} for key, name in self.categories.items()],
            "annotations": [
                annotation.to_coco(image)
                for position, image in enumerate(images)
                for annotation in self.annotations(position)
            ],
        }


def _within(polygons: Ragged, height: int, width: int) -> Ragged:
    """What of the polygons lies in the image: the rest cannot be seen. No points if nothing is."""
    boxes = polygons.bounding_boxes()
    inside = (boxes[:, :2] >= 0).all(axis=1) & (boxes[:, 2:] <= (width, height)).all(axis=1)
    if inside.all():
        return polygons
    clipped = polygons.clip_to_box(width, height)
    return clipped.keep(np.repeat(inside | (clipped.areas() > 0), clipped.lengths))
