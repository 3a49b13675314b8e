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
from e2ec.convert.source import Source
from e2ec.results.instances import Instances
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
