"""Where the images of a label file are, if nobody says it."""

from __future__ import annotations

from pathlib import Path

from dataset.index.label_index import LabelIndex
from lib.errors import InputError

# So many images are looked for in a folder that may be the one.
_LOOKED_FOR = 20


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
