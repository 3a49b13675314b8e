"""Where images come from: an image, a folder, a video, a camera or a URL, read the same way."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from lib.errors import InputError
from lib.image_limits import check_image_size
from lib.images import IMAGE_SUFFIXES, read_image

VIDEO_SUFFIXES = (
    ".avi", ".gif", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ts", ".webm", ".wmv",
)  # fmt: skip
URL_SCHEMES = ("http://", "https://", "rtmp://", "rtsp://", "rtsps://", "tcp://", "udp://")
_LIVE_SCHEMES = ("rtmp://", "rtsp://", "rtsps://", "tcp://", "udp://")

_KINDS = "give an image, a folder of images, a video, a camera number or a URL"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Frame:
    """One image of a source.

    Attributes:
        name: file name of the image, of the video, "camera-0", or the URL.
        index: position in the source, counted from 0.
        time_s: time from the start of a video or camera in seconds; 0 for image files.
        image: (H, W, 3) uint8 RGB.
    """

    name: str
    index: int
    time_s: float
    image: np.ndarray


class Source(Protocol):
    """Images one after the other.

    Iterating raises InputError, naming the file, at an image that cannot be read.
    """

    @property
    def name(self) -> str:
        """Name of the file, the folder, "camera-0", or the URL."""
        ...

    @property
    def is_stream(self) -> bool:
        """Whether the images follow each other in time: a video, a camera, a URL."""
        ...

    @property
    def length(self) -> int | None:
        """Number of images; for a video what its file states; None where nobody knows."""
        ...

    @property
    def fps(self) -> float | None:
        """Frames a second, or None for image files and where it is not known."""
        ...

    def __iter__(self) -> Iterator[Frame]: ...


def open_source(source: str) -> Source:
    """The images at `source`.

    Args:
        source: an image file, a folder of images (in the order of their names, without
            sub-folders), a video file, the number of a camera ("0"), or a URL of a video or stream.

    Raises:
        InputError: nothing is there, the folder holds no images, or it cannot be opened.
    """
    if not source:
        raise InputError(f"the source is empty; {_KINDS}")
    if source.lower().startswith(URL_SCHEMES):
        live = source.lower().startswith(_LIVE_SCHEMES)
        return VideoSource(source, name=source, live=live)
    path = Path(source)
    try:
        path.exists()
    except OSError as error:  # a name that is too long, for one
        raise InputError(f"{source}: cannot be read ({error.strerror}); {_KINDS}") from error
    # A file or folder called "0" is meant when it exists; otherwise digits are a camera.
    if source.isdecimal() and not path.exists():
        return VideoSource(int(source), name=f"camera-{int(source)}", live=True)
    if path.is_dir():
        return ImageSource(_images_in(path), name=path.name)
    if not path.is_file():
        raise InputError(f"{source}: no such file or folder; {_KINDS}")
    suffix = path.suffix.lower()
    if suffix in IMAGE_SUFFIXES:
        return ImageSource([path], name=path.name)
    # Without this check FFmpeg opens any text file as a film of its letters.
    if suffix not in VIDEO_SUFFIXES:
        raise InputError(
            f"{source}: neither an image ({_listed(IMAGE_SUFFIXES)}) "
            f"nor a video ({_listed(VIDEO_SUFFIXES)}) by its name"
        )
    return VideoSource(str(path), name=path.name, live=False)


class ImageSource:
    """Image files, in the order given."""

    is_stream = False
    fps = None

    def __init__(self, paths: list[Path], *, name: str) -> None:
        self.paths = paths
        self.name = name

    @property
    def length(self) -> int | None:
        return len(self.paths)

    def __iter__(self) -> Iterator[Frame]:
        for index, path in enumerate(self.paths):
            yield Frame(path.name, index, 0.0, read_image(path))


class VideoSource:
    """A video file, a camera or a stream, opened at once so that mistakes show early."""

    is_stream = True

    def __init__(self, target: str | int, *, name: str, live: bool) -> None:
        self.name = name
        self._target = target
        self._live = live
        self._capture: cv2.VideoCapture | None = _open_capture(target)
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        width, height = (
            max(0, int(self._capture.get(side)))
            for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        )
        check_image_size(height, width, name=name)
        self._length = int(count) if count > 0 and not live else None
        self._fps = float(rate) if np.isfinite(rate) and rate > 0 else None

    @property
    def length(self) -> int | None:
        return self._length

    @property
    def fps(self) -> float | None:
        return self._fps

    def __iter__(self) -> Iterator[Frame]:
        capture = self._capture or _open_capture(self._target)
        self._capture = None
        start = time.monotonic()
        index = 0
        try:
            while True:
                read, image = capture.read()
                if not read:
                    break
                # The size of a stream may change on the way.
                check_image_size(*image.shape[:2], name=self.name)
                seconds = time.monotonic() - start if self._live else self._time(capture, index)
                yield Frame(self.name, index, seconds, cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
                index += 1
        finally:
            capture.release()
        self._check_end(index)

    def _time(self, capture: cv2.VideoCapture, index: int) -> float:
        """Time of the frame just read; by the frame rate where the file keeps no times."""
        milliseconds = capture.get(cv2.CAP_PROP_POS_MSEC)
        if index > 0 and milliseconds <= 0 and self._fps:
            return index / self._fps
        return max(milliseconds, 0.0) / 1000.0

    def _check_end(self, frames: int) -> None:
        if frames == 0:
            raise InputError(f"{self.name}: not one frame could be read; the video is damaged")
        # The stated count is an estimate in some formats, so a shortfall is not an error.
        if self._length is not None and frames < 0.9 * self._length:
            logger.warning("%s: ended at frame %d of %d", self.name, frames, self._length)


def _images_in(folder: Path) -> list[Path]:
    try:
        paths = sorted(
            path
            for path in folder.iterdir()
            if path.suffix.lower() in IMAGE_SUFFIXES
            and not path.name.startswith(".")
            and path.is_file()
        )
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror or error})") from error
    if not paths:
        raise InputError(f"{folder}: holds no images ({_listed(IMAGE_SUFFIXES)})")
    return paths


def _open_capture(target: str | int) -> cv2.VideoCapture:
    with _quiet_opencv():
        capture = (
            cv2.VideoCapture(target)
            if isinstance(target, int)
            else cv2.VideoCapture(target, cv2.CAP_FFMPEG)
        )
    if capture.isOpened():
        return capture
    capture.release()
    if isinstance(target, int):
        raise InputError(f"camera {target}: cannot be opened; check its number and that it is free")
    if target.lower().startswith(URL_SCHEMES):
        raise InputError(f"{target}: cannot be opened; check the address and the network")
    raise InputError(f"{target}: not a video that can be decoded; convert it to MP4 (H.264)")


@contextlib.contextmanager
def _quiet_opencv() -> Iterator[None]:
    """OpenCV and FFmpeg say nothing: what goes wrong is said in one line of our own.

    FFmpeg reads the variable once in a process, when OpenCV first uses it, and keeps to it.
    """
    variable = "OPENCV_FFMPEG_LOGLEVEL"
    before, level = os.environ.get(variable), cv2.utils.logging.getLogLevel()
    os.environ.setdefault(variable, "-8")
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)
        if before is None:
            del os.environ[variable]


def _listed(suffixes: tuple[str, ...]) -> str:
    return ", ".join(suffix.lstrip(".") for suffix in suffixes)
