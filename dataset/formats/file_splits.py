"""The splits of formats that have a label file for each, and images in a folder near it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from dataset.checks.problems import Report
from dataset.formats.format import Reading, Split, SplitName
from dataset.index.label_index import LabelIndex
from lib.errors import InputError

# So many images are looked for in a folder that may be the one.
_LOOKED_FOR = 20

Read = Callable[[Path, Report], LabelIndex]


def file_splits(files: list[Path], reading: Reading, read: Read) -> Iterator[Split]:
    """A split for each label file, which does not say what it is for."""
    stems = [file.stem for file in files]
    for file in files:
        # Some tools give the files of all splits one name, in folders of their own.
        name = file.stem if stems.count(file.stem) == 1 else f"{file.parent.name}-{file.stem}"
        yield file_split(name, None, file, reading, read)


def file_split(
    name: str, role: SplitName | None, file: Path, reading: Reading, read: Read
) -> Split:
    """The split that a label file holds."""
    return Split(
        name,
        role,
        lambda report: read(file, report),
        lambda index: reading.images or guess_image_folder(file, index),
        lambda: [file],
    )


def guess_image_folder(labels: Path, index: LabelIndex) -> Path:
    """The folder near a label file in which the images of its index lie.

    Looked for are the folder of the file, the one above it, and in both of them folders named as in
    the file's name (`instances_val2017.json`: `val2017`), `images`, and KITTI's.

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
