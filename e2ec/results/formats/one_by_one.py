"""Formats of a file an image, written as the images come: what is one's, and what all share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from e2ec.results.formats.item import ImageResult
from e2ec.results.formats.notes import Notes
from e2ec.results.formats.options import FormatOptions
from e2ec.results.formats.writers import format_files
from e2ec.results.instances import Instances

Files = dict[str, bytes]
"""Contents by path, relative to the folder written."""
_SIDE = 4


def image_and_shared(
    name: str, items: Iterable[ImageResult], options: FormatOptions, notes: Notes
) -> Iterator[tuple[str, bytes, bool]]:
    """The files of images as `format_files` gives them, and of each whether all images share it.

    Raises:
        InputError: as `format_files`.
    """
    shared = False

    def each() -> Iterator[ImageResult]:
        nonlocal shared
        yield from items
        shared = True  # what is an image's has been given before the next one is asked for

    for path, data in format_files(name, each(), options, notes):
        yield path, data, shared


def image_files(name: str, item: ImageResult, options: FormatOptions, notes: Notes) -> Files:
    """The files of one image alone.

    Raises:
        InputError: as `format_files`.
    """
    files = image_and_shared(name, [item], options, notes)
    return {path: data for path, data, shared in files if not shared}


def shared_files(name: str, stems: Iterable[str], classes: Mapping[int, str]) -> Files:
    """The files that images share: lists of the classes, or of the images.

    Args:
        name: of a format of a file an image.
        stems: what the files of each image are called, without a suffix.
        classes: names by category id.

    Raises:
        InputError: as `format_files`.
    """
    items = (_stand_in(stem, classes, objects=0) for stem in stems)
    files = image_and_shared(name, items, FormatOptions(), Notes())
    return {path: data for path, data, shared in files if shared}


def check_writable(name: str, classes: Mapping[int, str]) -> list[str]:
    """Write an object of a format into memory; the paths of all that images share.

    Of a format of a file for all images that is every file of it.

    Raises:
        InputError: the format needs a package that is not installed, or cannot hold these classes.
    """
    items = [_stand_in("image", classes, objects=1)]
    files = image_and_shared(name, items, FormatOptions(), Notes())
    return [path for path, _, shared in files if shared]


def _stand_in(stem: str, classes: Mapping[int, str], *, objects: int) -> ImageResult:
    """A small image with a square, or with nothing, in place of one whose files are not wanted."""
    square = np.array([[1.0, 1], [3, 1], [3, 3], [1, 3]])
    contours = Instances(
        height=_SIDE,
        width=_SIDE,
        class_names=tuple(classes.values()),
        labels=np.zeros(objects, np.int64),
        scores=np.ones(objects),
        parts=[[square]] * objects,
        category_ids=tuple(classes),
    )
    return ImageResult(f"{stem}.png", contours, result_stem=stem)
