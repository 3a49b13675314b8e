"""The images of a folder, and their entries in an index."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tqdm import tqdm

from dataset.checks.problems import Unusable, read_whole
from dataset.index.builder import IndexBuilder
from dataset.index.inputs import is_file_name
from lib.errors import InputError
from lib.images import IMAGE_SUFFIXES, image_size

PATIENCE = 3.0
"""Reading that takes longer, in seconds, shows a bar."""


def image_names(folder: Path) -> list[str]:
    """Names of all images in a folder and its folders, relative to it, sorted; no hidden files.

    Raises:
        InputError: there is no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: image folder not found; give the folder of the images")
    paths = (p for p in folder.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES)
    names = (p.relative_to(folder) for p in paths if p.is_file())
    return sorted(n.as_posix() for n in names if not any(part[0] == "." for part in n.parts))


def add_images(
    builder: IndexBuilder, folder: Path, names: Sequence[str]
) -> Iterator[tuple[int, str, int, int]]:
    """Give a builder the images, numbered from 1; yields id, name, height and width of each.

    Images whose size cannot be read are reported and left out. Where it takes long, a bar
    shows how far it is.
    """
    waiting = tqdm(names, desc="reading labels", unit="image", delay=PATIENCE, leave=False)
    for number, name in enumerate(waiting, start=1):
        size = None
        with builder.reading(folder):
            if not is_file_name(name):
                raise Unusable("file name", f"file name {name!r} is not one", "rename the image")
            height, width = size = read_whole(image_size, folder / name, "unreadable image")
            builder.add_image(number, name, width, height)
        if size is not None:
            yield number, name, *size
