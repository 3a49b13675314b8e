"""What every writer is given, and what it gives back."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import numpy as np

from dataset.formats.format import SplitName
from dataset.index.records import AnnotationRecord, ImageRecord
from dataset.masks.run_lengths import run_lengths
from e2ec.convert.source import Source
from e2ec.results.formats.item import ImageResult
from e2ec.results.formats.measurements import measured_pixels
from e2ec.results.formats.notes import Notes
from e2ec.results.formats.options import FormatOptions
from e2ec.results.formats.prepare import prepare
from e2ec.results.formats.rounding import rounded
from e2ec.results.instances import Instances
from e2ec.results.masks import compressed_masks
from lib.errors import InputError

EXACT = FormatOptions(decimals=None)


@dataclass(frozen=True)
class Job:
    """One conversion.

    Attributes:
        source: labels to write.
        out: folder to write into; it becomes `final` when all is written.
        final: the folder the user named.
        split: which split of a data set it is.
        copy_images: copy the images too.
        divided: the other split of the data set is written into the same folder; each format then
            has a place for each split.
        left_out: counts, by reason, of what the format cannot hold; writers add to it.
        mended: of every object whose outline had to be changed to be valid, by how much its area
            changed, in percent; writers add to it.
        options: how outlines are changed before they are written; by default not at all.
    """

    source: Source
    out: Path
    final: Path
    split: SplitName
    copy_images: bool
    divided: bool = False
    left_out: Counter[str] = field(default_factory=Counter)
    mended: list[float] = field(default_factory=list)
    options: FormatOptions = EXACT

    @property
    def folder(self) -> str:
        """The split's own folder with a "/" behind it; empty where the split is alone."""
        return f"{self.split}/" if self.divided else ""

    @property
    def notes(self) -> Notes:
        """What writers of `e2ec.results.formats` add to: `left_out` and `mended`."""
        return Notes(self.left_out, self.mended)

    @property
    def changes(self) -> bool:
        """Whether outlines are written otherwise than they are."""
        return self.options.changes_outlines or self.options.decimals is not None

    def images(self) -> Iterator[tuple[int, str, ImageRecord, list[AnnotationRecord]]]:
        """Position, file name, record and annotations of every image, changed as asked for."""
        index = self.source.index
        for position, name in enumerate(self.source.names):
            image, found = index.image(position), index.annotations(position)
            if self.changes:
                categories = index.categories
                found = [
                    changed
                    for record in found
                    for changed in changed_record(record, image, categories, self)
                ]
            yield position, name, image, found

    def items(self) -> Iterator[ImageResult]:
        """The labels of every image for a writer of `e2ec.results.formats`, changed as asked for;
        coordinates are not yet rounded. Objects without an outline are left out."""
        for item in self.given_items():
            yield prepare(item, self.options, self.notes)

    def given_items(self) -> Iterator[ImageResult]:
        """The labels of every image as they are, without objects that have no outline."""
        index, source = self.source.index, self.source
        for position, name in enumerate(source.names):
            image, found = index.image(position), self.outlined(index.annotations(position))

            def pixels(position: int = position) -> np.ndarray:
                return measured_pixels(source.image_path(position))

            yield ImageResult(
                name,
                as_instances(found, image, name, index.categories),
                image.id,
                labels=True,
                crowd=tuple(a.crowd for a in found) if any(a.crowd for a in found) else (),
                pixels=pixels if source.images is not None else None,
            )

    def outlined(self, annotations: list[AnnotationRecord]) -> list[AnnotationRecord]:
        """The annotations that cover anything; the others are left out."""
        kept = [a for a in annotations if (a.polygons if a.runs is None else a.runs[1::2].any())]
        if len(kept) < len(annotations):
            self.left_out["objects without an outline"] += len(annotations) - len(kept)
        return kept

    def write(self, name: str, data: bytes) -> None:
        """Write a file of the result."""
        path = self.out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def place_image(self, position: int, name: str, *, link: bool = False) -> None:
        """Put an image into the result: a copy if asked for, else a link if `link`."""
        if not self.copy_images and not link:
            return
        source, path = self.source.image_path(position), self.out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.copy_images:
            shutil.copyfile(source, path)
            return
        try:
            path.symlink_to(source.resolve())
        except OSError as error:
            raise InputError(
                f"{path}: cannot link to the image ({error.strerror}); give --copy-images"
            ) from error


def label_names(names: list[str], suffix: str) -> list[str]:
    """Names of label files, one an image: the image's with another suffix.

    Raises:
        InputError: two images would share one.
    """
    seen: dict[str, str] = {}
    for name in names:
        label = PurePosixPath(name).with_suffix(suffix).as_posix()
        if label in seen:
            raise InputError(
                f"{name}: its labels would have the same name as those of {seen[label]}; "
                "rename one of the images"
            )
        seen[label] = name
    return list(seen)


def as_instances(
    annotations: list[AnnotationRecord], image: ImageRecord, name: str, categories: dict[int, str]
) -> Instances:
    """Labels as the result type, exact masks where the source has them, each with score 1."""
    positions = {key: number for number, key in enumerate(categories)}
    return Instances(
        height=image.height,
        width=image.width,
        class_names=tuple(categories.values()),
        labels=np.array([positions[a.category_id] for a in annotations], np.int64),
        scores=np.ones(len(annotations)),
        parts=[a.polygons if a.runs is None else [] for a in annotations],
        category_ids=tuple(categories),
        source=name,
        runs=[a.runs for a in annotations],
    )


def changed_record(
    record: AnnotationRecord, image: ImageRecord, categories: dict[int, str], job: Job
) -> Iterator[AnnotationRecord]:
    """An annotation with the outline that a job asks for; none where nothing is left of it.

    Crowd regions stay as they are. An outline with holes is given as the mask that it fills.
    """
    if record.crowd or not (record.polygons if record.runs is None else record.runs[1::2].any()):
        yield record
        return
    item = ImageResult(image.name, as_instances([record], image, image.name, categories))
    contours = prepare(item, job.options, job.notes).contours
    if not len(contours):
        return
    if contours.runs[0] is not None:
        yield record
        return
    decimals = job.options.decimals
    contours = replace(
        contours,
        parts=[[rounded(part, decimals) for part in contours.parts[0]]],
        holes=[[[rounded(hole, decimals) for hole in inner] for inner in contours.holes[0]]],
    )
    x0, y0, x1, y1 = contours.boxes()[0].tolist()
    runs = None
    if any(contours.holes[0]):
        (counts,) = compressed_masks(contours)
        runs = run_lengths(counts, image.height, image.width)
    yield replace(
        record,
        polygons=contours.parts[0],
        runs=runs,
        area=float(contours.areas()[0]) if runs is None else float(runs[1::2].sum()),
        bbox=(x0, y0, x1 - x0, y1 - y0),
    )
