"""What a label format is: how it is recognised, which splits it has, and how they are read.

Every format has one record, a `Format`, in its own file or folder; `dataset.formats.detect` lists
them. Training, `check` and `convert` know formats by their records alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from dataset.checks.problems import Report
from dataset.index.label_index import LabelIndex
from lib.errors import InputError

SplitName = Literal["train", "val", "test"]


@dataclass(frozen=True)
class Reading:
    """How a data set is read where its format leaves a choice.

    Attributes:
        images: folder of the images, of YOLO that of images and labels; guessed, or given by the
            format, without.
        settings: values of the format's own settings, by name; the reader's defaults without.
    """

    images: Path | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    def images_of(self, name: str) -> Path | None:
        """The images of a split: a folder of this name in `images`, or `images` itself."""
        if self.images is not None and (self.images / name).is_dir():
            return self.images / name
        return self.images

    def refuse_images(self, path: Path, title: str) -> None:
        """Refuse a folder of images for a format that says itself where they are.

        Raises:
            InputError: one is given.
        """
        if self.images is not None:
            raise InputError(f"{path}: {title} has its images in a place of its own; omit --images")


@dataclass(frozen=True)
class Split:
    """What is read by itself: a split of a data set, or a label file.

    Attributes:
        name: what it is called.
        role: what it is for, where the format says so.
        read: reads the labels.
        images: the folder of the images, given the labels.
        sources: all files that the labels come from.
        repeats: it has the very images of the training split, as YOLO's data.yaml may say.
    """

    name: str
    role: SplitName | None
    read: Callable[[Report], LabelIndex]
    images: Callable[[LabelIndex], Path]
    sources: Callable[[], list[Path]]
    repeats: bool = False


@dataclass(frozen=True)
class Format:
    """A label format.

    Attributes:
        name: as in the settings, `data.format`.
        title: its name in messages.
        recognise: whether the data set at a path, a file or a folder, is of this format.
        splits: the splits of the data set at a path; none is read yet, some may be unusable.
        split: one split, given its labels: the file or folder that the settings name, or the root
            of the data set where the format says itself what lies where.
        labels: what the settings may name as the labels of a split; None for the latter formats.
        suffixes: a file of another content that ends so is taken for a damaged one of this format.
        is_labels: whether a folder has its labels, as the settings may name one.
        images: folder below the root for the images of all splits, where nothing names another.
        settings: names of its own settings, in `DataConfig` and as arguments of its reader.
        validates_on: the split that papers validate on.
        folders_in_names: image names start with folders that are the format's, not the image's.
    """

    name: str
    title: str
    recognise: Callable[[Path], bool]
    splits: Callable[[Path, Reading], Iterable[Split]]
    split: Callable[[SplitName, Path, Reading], Split]
    labels: Literal["file", "folder"] | None = None
    suffixes: tuple[str, ...] = ()
    is_labels: Callable[[Path], bool] = lambda _: False
    images: str | None = None
    settings: tuple[str, ...] = ()
    validates_on: SplitName = "val"
    folders_in_names: bool = False

    def reading(self, images: Path | None, settings: object) -> Reading:
        """How to read it with these images and, of all settings, its own."""
        return Reading(images, {name: getattr(settings, name) for name in self.settings})
