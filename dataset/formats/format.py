"""What a label format is: how it is recognised, which splits it has, and how they are read.

Every format has one record, a `Format`, in its own file or folder; `dataset.formats.detect` lists
them. Training, `check` and `convert` know formats by their records alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from dataset.checks.problems import Report
from dataset.index.label_index import LabelIndex
from lib.errors import InputError

SplitName = Literal["train", "val", "test"]

# How many images are looked for in a folder that may be the right one.
_LOOKED_FOR = 20


@dataclass(frozen=True)
class Split:
    """What is read by itself: a split of a data set, or a label file.

    Attributes:
        name: what it is called.
        role: what it is for, where the format says so.
        labels: its label file or folder; the root of the data set, or its description, where the
            format says itself what lies where.
        images: folder of the images, of YOLO that of images and labels; guessed, or said by the
            format, without.
        repeats: it has the very images of the training split, as YOLO's data.yaml may say.
        together: folders of all splits, where their classes are found in all of them together.
        settings: values of the format's own settings, by name; the reader's defaults without.
    """

    name: str
    role: SplitName | None
    labels: Path
    images: Path | None = None
    repeats: bool = False
    together: tuple[Path, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def which(self) -> SplitName:
        """The role, of a format that says it of every split."""
        assert self.role is not None
        return self.role


@dataclass(frozen=True)
class Format:
    """A label format.

    Attributes:
        name: as in the settings, `data.format`.
        title: its name in messages.
        recognise: whether the data set at a path, a file or a folder, is of this format.
        splits: the splits at a path, with images in a folder or, with None, where they are.
        read: the labels of a split.
        images: the folder of a split's images, given its labels.
        sources: all files that the labels of a split come from.
        labels: what the settings may name as the labels of a split; None where the format says
            itself what lies where.
        takes_images: the folder of the images may be given.
        image_folder: folder below the root for the images of all splits, where nothing names one.
        suffixes: a file that ends so, and is of no format, is taken for a damaged one of this.
        is_labels: whether a folder has its labels, as the settings may name one.
        settings: names of its own settings, in `DataConfig` and as arguments of its reader.
        roles: the splits it may have.
        validates_on: the split that papers validate on.
        folders_in_names: image names start with folders that are the format's, not the image's.
    """

    name: str
    title: str
    recognise: Callable[[Path], bool]
    splits: Callable[[Path, Path | None], Iterable[Split]]
    read: Callable[[Split, Report], LabelIndex]
    images: Callable[[Split, LabelIndex], Path] = lambda split, index: (
        split.images or guess_image_folder(split.labels, index)
    )
    sources: Callable[[Split], list[Path]] = lambda split: [split.labels]
    labels: Literal["file", "folder"] | None = None
    takes_images: bool = True
    image_folder: str | None = None
    suffixes: tuple[str, ...] = ()
    is_labels: Callable[[Path], bool] = lambda _: False
    settings: tuple[str, ...] = ()
    roles: tuple[SplitName, ...] = ("train", "val", "test")
    validates_on: SplitName = "val"
    folders_in_names: bool = False

    def find(self, path: Path, images: Path | None = None, settings: object = None) -> list[Split]:
        """The splits of the data set at a path; they are not read yet, and some may be unusable.

        Args:
            path: a label file or folder.
            images: folder of the images.
            settings: what has the format's settings as attributes; None takes its defaults.

        Raises:
            InputError: nothing is there, or images are given to a format that has its own place.
        """
        if images is not None and not self.takes_images:
            what = f"{self.title} has its images in a place of its own"
            raise InputError(f"{path}: {what}; omit --images")
        own = {} if settings is None else {name: getattr(settings, name) for name in self.settings}
        return [replace(split, settings=own) for split in self.splits(path, images)]

    def named(self, role: SplitName, labels: Path, images: Path | None, settings: object) -> Split:
        """The split of this role at a path, which somebody says it has.

        Raises:
            InputError: the format has none.
        """
        if role not in self.roles:
            raise InputError(f"{self.title} has no {role} split; papers report {self.validates_on}")
        own = {name: getattr(settings, name) for name in self.settings}
        return Split(role, role, labels, images, settings=own)


def file_splits(files: list[Path], images: Path | None) -> Iterator[Split]:
    """A split for each label file, which does not say what it is for."""
    stems = [file.stem for file in files]
    for file in files:
        # Some tools give the files of all splits one name, in folders of their own.
        name = file.stem if stems.count(file.stem) == 1 else f"{file.parent.name}-{file.stem}"
        yield Split(name, None, file, images)


def guess_image_folder(labels: Path, index: LabelIndex) -> Path:
    """The folder near a label file in which the images of its index lie.

    These folders are tried: that of the file, the one above it, and in both of them those named as
    in the file's name (`instances_val2017.json`: `val2017`), `images`, and KITTI's.

    Raises:
        InputError: none of them has any of the first images.
    """
    stem = labels.stem
    words = [stem.split("_", n)[n] for n in range(1, stem.count("_") + 1)] + stem.split("_")
    names = ["", *words, *(f"images/{word}" for word in words), "images"]
    names += ["training/image_2", "testing/image_2"]
    wanted = [index.image(position).name for position in range(min(len(index), _LOOKED_FOR))]
    for base in (labels.parent, labels.parent.parent):
        for folder in (base / name for name in names):
            if folder.is_dir() and any((folder / name).is_file() for name in wanted):
                return folder
    raise InputError(
        f"{labels}: image folder not found near it; give it with --images FOLDER, "
        "of a preset with --data.train-images FOLDER"
    )
