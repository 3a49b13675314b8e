"""What every writer is given, and what it gives back."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from dataset.formats.format import SplitName
from dataset.index.records import AnnotationRecord, ImageRecord
from dataset.masks.rings import Component
from dataset.masks.run_lengths import decode_mask
from dataset.masks.tracing import mask_to_rings
from e2ec.convert.source import Source
from e2ec.results.contours import Contours
from lib.errors import InputError


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
    """

    source: Source
    out: Path
    final: Path
    split: SplitName
    copy_images: bool
    divided: bool = False
    left_out: Counter[str] = field(default_factory=Counter)
    mended: list[float] = field(default_factory=list)

    @property
    def folder(self) -> str:
        """The split's own folder with a "/" behind it; empty where the split is alone."""
        return f"{self.split}/" if self.divided else ""

    def images(self) -> Iterator[tuple[int, str, ImageRecord, list[AnnotationRecord]]]:
        """Position, file name, record and annotations of every image."""
        index = self.source.index
        for position, name in enumerate(self.source.names):
            yield position, name, index.image(position), index.annotations(position)

    def outlined(
        self, annotations: list[AnnotationRecord], image: ImageRecord
    ) -> list[tuple[AnnotationRecord, list[Component]]]:
        """Annotations with their components; those that have none are left out."""
        found = [(annotation, components(annotation, image)) for annotation in annotations]
        kept = [(annotation, parts) for annotation, parts in found if parts]
        if len(kept) < len(found):
            self.left_out["objects without an outline"] += len(found) - len(kept)
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


def components(annotation: AnnotationRecord, image: ImageRecord) -> list[Component]:
    """The outer rings of an annotation with their holes, from the exact mask if there is one."""
    if annotation.runs is None:
        return [(polygon, []) for polygon in annotation.polygons]
    return mask_to_rings(decode_mask(annotation.runs, image.height, image.width))


def as_contours(
    objects: list[tuple[AnnotationRecord, list[Component]]],
    image: ImageRecord,
    name: str,
    categories: dict[int, str],
) -> Contours:
    """The outer rings of labels as the result type, each with score 1."""
    positions = {key: number for number, key in enumerate(categories)}
    return Contours(
        height=image.height,
        width=image.width,
        class_names=tuple(categories.values()),
        labels=np.array([positions[a.category_id] for a, _ in objects], np.int64),
        scores=np.ones(len(objects)),
        parts=[[outer for outer, _ in parts] for _, parts in objects],
        category_ids=tuple(categories),
        source=name,
    )
