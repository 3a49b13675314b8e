"""The images that a source means, and what their results are called."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from e2ec.app.stream.sources.images import (
    LIST_SUFFIXES,
    folder_source,
    glob_source,
    list_source,
    listed,
)
from lib.errors import InputError
from lib.images import IMAGE_SUFFIXES

_KINDS = (
    "give an image, a folder of images, a pattern (in quotes), or a text file with the path of an "
    "image a line"
)


@dataclass(frozen=True)
class ListedImage:
    """An image of a list.

    Attributes:
        path: of the file, as it was named.
        name: the path from the folder that all images have in common, with forward slashes; the
            results call the image so.
        stem: what the files of its results are called, without their suffix, in the same folders:
            `a` of `a.jpg`; where an image before it has that, `a.png`.
    """

    path: Path
    name: str
    stem: str


def list_images(source: str | Path, *, leave_out: Path | None = None) -> list[ListedImage]:
    """The images at `source`, always in the same order.

    Args:
        source: an image; a folder, with all folders inside, in the order of the paths; a pattern
            such as `shots/*/a?.png`; or a text file (.txt, .lst) with the path of an image a line,
            relative to its own folder. An image that is named twice is taken once.
        leave_out: a folder; the images in it, such as results of an earlier run, are passed over
            where they were not named one by one.

    Raises:
        InputError: nothing is there, or there are no images.
    """
    path = Path(source)
    try:
        is_folder, is_file = path.is_dir(), path.is_file()
    except (OSError, ValueError) as error:  # a name that is too long, for one
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{source}: cannot be read ({reason}); {_KINDS}") from error
    if is_folder:
        found = folder_source(path, recursive=True)
        return _named(_outside(found.paths, leave_out, source), found.root)
    if is_file and path.suffix.lower() in IMAGE_SUFFIXES:
        return _named([path], path.parent)
    if is_file and path.suffix.lower() in LIST_SUFFIXES:
        return _named(list_source(path).paths, None)
    if is_file:
        raise InputError(
            f"{path}: neither an image ({listed(IMAGE_SUFFIXES)}) nor a list "
            f"({listed(LIST_SUFFIXES)}) by its name"
        )
    if any(letter in str(source) for letter in "*?["):
        return _named(_outside(glob_source(str(source)).paths, leave_out, source), None)
    raise InputError(f"{source}: no such file or folder; {_KINDS}")


def _outside(paths: list[Path], folder: Path | None, source: object) -> list[Path]:
    if folder is None:
        return paths
    place = os.path.join(os.path.abspath(folder), "")
    kept = [path for path in paths if not os.path.abspath(path).startswith(place)]
    if not kept:
        raise InputError(
            f"{source}: all of its images lie in {folder}, where the results go; choose another "
            "--out"
        )
    return kept


def _named(paths: Iterable[Path], root: Path | None) -> list[ListedImage]:
    """Paths with their names; without a root that is the folder that they have in common."""
    # By their full paths: a list may name ../b/a.png, which must not lead out of the results.
    places = {os.path.abspath(path): path for path in paths}
    try:
        base = os.path.commonpath([os.path.dirname(place) for place in places])
    except ValueError as error:
        raise InputError(
            "the images lie on several drives; give those of each drive by themselves"
        ) from error
    if root is not None:
        base = os.path.abspath(root)
    names = [Path(place).relative_to(base).as_posix() for place in places]
    return [
        ListedImage(path, name, stem)
        for path, name, stem in zip(places.values(), names, _stems(names), strict=True)
    ]


def _stems(names: Iterable[str]) -> Iterator[str]:
    """A stem for every name, each once; the same for the same names in the same order."""
    taken: set[str] = set()
    for name in names:
        stem, number = PurePosixPath(name).with_suffix("").as_posix(), 2
        if stem in taken:  # a.png behind a.jpg
            stem = name
        while stem in taken:  # a.png.jpg before both
            stem = f"{name}_{number}"
            number += 1
        taken.add(stem)
        yield stem
