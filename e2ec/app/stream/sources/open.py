"""What a source given as text means."""

from __future__ import annotations

import re
from pathlib import Path

from e2ec.app.stream.sources.camera import camera_source
from e2ec.app.stream.sources.images import (
    LIST_SUFFIXES,
    NUMBER,
    ImageSource,
    folder_source,
    glob_source,
    list_source,
    listed,
    sequence_source,
)
from e2ec.app.stream.sources.screen import screen_source
from e2ec.app.stream.sources.source import Source
from e2ec.app.stream.sources.standard_input import StandardInput, is_standard_input
from e2ec.app.stream.sources.url import URL_SCHEMES, url_source
from e2ec.app.stream.sources.video import VIDEO_SUFFIXES, VideoSource
from lib.errors import InputError
from lib.images import IMAGE_SUFFIXES

PATIENCE_S = 60.0
"""So long a live source that is lost is tried again."""
_KINDS = (
    "give an image, a folder of images, a pattern, a list, a video, a camera number, a URL, "
    "screen, or - for standard input"
)
_SCREEN = re.compile(r"screen(?::(\d{1,3}))?")


def open_source(source: str, *, recursive: bool = False, patience_s: float = PATIENCE_S) -> Source:
    """The images at `source`.

    Args:
        source: an image file; a folder of images, in the order of their names; a pattern such as
            `shots/*.png`, in quotes; a text file (.txt, .lst) with the path of an image a line;
            numbered images such as `shot_%04d.png`, as a film; a video file; the number of a camera
            ("0"); a URL of a stream or video; "screen" or "screen:2", a monitor; "-", JPEG
            pictures from standard input, or "-:640x480" for raw pixels of that width and height.
            What exists under that very name is taken before any other meaning.
        recursive: read the sub-folders of a folder too.
        patience_s: how long a live source that is lost is tried again, in seconds.

    Raises:
        InputError: nothing is there, the folder holds no images, or it cannot be opened.
    """
    if not source:
        raise InputError(f"the source is empty; {_KINDS}")
    if source.lower().startswith(URL_SCHEMES):
        return url_source(source, patience_s=patience_s)
    path = Path(source)
    try:
        exists = path.exists()
    except (OSError, ValueError) as error:  # a name that is too long, for one
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{source}: cannot be read ({reason}); {_KINDS}") from error
    return _file_source(path, recursive) if exists else _other_source(source, patience_s)


def _file_source(path: Path, recursive: bool) -> Source:
    if path.is_dir():
        return folder_source(path, recursive=recursive)
    suffix = path.suffix.lower()
    if suffix in IMAGE_SUFFIXES:
        return ImageSource([path], name=path.name)
    if suffix in LIST_SUFFIXES:
        return list_source(path)
    # Without this check FFmpeg opens any text file as a film of its letters.
    if suffix not in VIDEO_SUFFIXES:
        raise InputError(
            f"{path}: neither an image ({listed(IMAGE_SUFFIXES)}) nor a video "
            f"({listed(VIDEO_SUFFIXES)}) nor a list ({listed(LIST_SUFFIXES)}) by its name"
        )
    return VideoSource(str(path), name=path.name)


def _other_source(source: str, patience_s: float) -> Source:
    if is_standard_input(source):
        return StandardInput(source)
    if screen := _SCREEN.fullmatch(source):
        return screen_source(int(screen[1] or 1), patience_s=patience_s)
    if source.isascii() and source.isdecimal() and len(source) < 10:
        return camera_source(int(source), patience_s=patience_s)
    if NUMBER.search(Path(source).name):
        return sequence_source(Path(source))
    if any(letter in source for letter in "*?["):
        return glob_source(source)
    raise InputError(f"{source}: no such file or folder; {_KINDS}")
