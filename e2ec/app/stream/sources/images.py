"""Image files: one, a folder, a pattern, a list, or a numbered sequence."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from e2ec.app.stream.frame import Frame
from e2ec.app.stream.report import Report
from lib.errors import InputError
from lib.files import read_text
from lib.images import IMAGE_SUFFIXES, read_image

SEQUENCE_FPS = 25.0
"""Frames a second of numbered images, which do not say."""
LIST_SUFFIXES = (".lst", ".txt")
NUMBER = re.compile(r"%(?:0(\d+))?d")
"""The place of the number in the name of a sequence: %d, %05d."""


class ImageSource:
    """Image files, in the order given. One that cannot be read is reported and passed over."""

    is_live = False

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        name: str,
        root: Path | None = None,
        times: Sequence[float] | None = None,
    ) -> None:
        """Images that lie in or below `root`, by which they are named; None takes their own folder.

        With `times`, in seconds, they are the frames of a film.
        """
        self.paths = list(paths)
        self.name = name
        self.report = Report(strict=True)
        self.is_stream = times is not None
        self.fps = None if times is None else SEQUENCE_FPS
        self.root = _common_folder(self.paths) if root is None else root
        self._times = times

    @property
    def length(self) -> int | None:
        return len(self.paths)

    def __iter__(self) -> Iterator[Frame]:
        for index, path in enumerate(self.paths):
            try:
                image = read_image(path)
            except InputError as error:
                self.report.skip(str(error))
                continue
            time_s = self._times[index] if self._times else 0.0
            yield Frame(path.relative_to(self.root).as_posix(), index, time_s, image)

    def close(self) -> None:
        pass


def folder_source(folder: Path, *, recursive: bool = False) -> ImageSource:
    """The images of a folder in the order of their names; hidden ones are left out.

    Raises:
        InputError: it cannot be read, or holds no images.
    """
    try:
        found = folder.rglob("*") if recursive else folder.iterdir()
        paths = sorted(path for path in found if _is_shown_image(path, folder))
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror or error})") from error
    if not paths:
        below = "" if recursive or not _has_folders(folder) else "; --recursive reads sub-folders"
        raise InputError(f"{folder}: holds no images ({listed(IMAGE_SUFFIXES)}){below}")
    return ImageSource(paths, name=folder.name, root=folder)


def glob_source(pattern: str) -> ImageSource:
    """The images that a pattern such as `shots/*/a?.png` matches, `**` any depth of folders.

    Raises:
        InputError: it matches no image.
    """
    paths = sorted(Path(name) for name in glob.glob(pattern, recursive=True))
    paths = [path for path in paths if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()]
    if not paths:
        raise InputError(f"{pattern}: matches no images ({listed(IMAGE_SUFFIXES)})")
    return ImageSource(paths, name=pattern)


def list_source(path: Path) -> ImageSource:
    """The images that a text file names, one a line, relative to its own folder.

    Empty lines and those that begin with # are passed over.

    Raises:
        InputError: a line is no name of an image, or there is none.
    """
    paths: list[Path] = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if Path(line).suffix.lower() not in IMAGE_SUFFIXES:
            raise InputError(
                f"{path}: line {number}: {line!r} is neither an image "
                f"({listed(IMAGE_SUFFIXES)}) by its name nor a comment; a list has the path of "
                "an image a line"
            )
        paths.append(path.parent / line)
    if not paths:
        raise InputError(f"{path}: names no images; a list has the path of an image a line")
    return ImageSource(paths, name=path.name)


def sequence_source(pattern: Path) -> ImageSource:
    """Numbered images such as `shot_%04d.png`, the frames of a film, from the lowest number on.

    Numbers may be missing; the times of the others stay.

    Raises:
        InputError: there is no such image, or the folder cannot be read.
    """
    place = NUMBER.search(pattern.name)
    if place is None or NUMBER.search(pattern.name, place.end()):
        raise InputError(f"{pattern}: a sequence has one %d, or one like %05d, in its file name")
    digits = rf"\d{{{place[1]},}}" if place[1] else r"\d+"
    before, after = pattern.name[: place.start()], pattern.name[place.end() :]
    name = re.compile(re.escape(before) + f"({digits})" + re.escape(after))
    try:
        found = {
            int(match[1]): path
            for path in pattern.parent.iterdir()
            if (match := name.fullmatch(path.name)) and path.is_file()
        }
    except OSError as error:
        raise InputError(f"{pattern}: cannot be read ({error.strerror or error})") from error
    if not found:
        raise InputError(f"{pattern}: there are no such images")
    numbers = sorted(found)
    times = [(number - numbers[0]) / SEQUENCE_FPS for number in numbers]
    return ImageSource([found[number] for number in numbers], name=pattern.name, times=times)


def listed(suffixes: tuple[str, ...]) -> str:
    """Suffixes for people."""
    return ", ".join(suffix.lstrip(".") for suffix in suffixes)


def _is_shown_image(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return path.suffix.lower() in IMAGE_SUFFIXES and not hidden and path.is_file()


def _has_folders(folder: Path) -> bool:
    return any(path.is_dir() for path in folder.iterdir())


def _common_folder(paths: Sequence[Path]) -> Path:
    try:
        return Path(os.path.commonpath([path.parent for path in paths]))
    except ValueError:  # some absolute and some not, or on several drives
        return Path()
