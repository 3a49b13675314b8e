"""Frames from standard input: JPEG pictures one after the other, or raw pixels."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator
from typing import BinaryIO

import av
import av.error
import numpy as np

from e2ec.app.stream.frame import Frame
from e2ec.app.stream.report import Report
from e2ec.app.stream.sources.video import Decoder, reason, rgb
from lib.errors import InputError
from lib.image_limits import check_image_size

CHANNELS = {"rgb24": [0, 1, 2], "bgr24": [2, 1, 0], "gray": [0, 0, 0]}
"""Formats of raw pixels, as FFmpeg calls them: where red, green and blue stand."""
_PATTERN = re.compile(r"-(?::(\d{1,6})x(\d{1,6})(?::(\w+))?)?")


def is_standard_input(source: str) -> bool:
    """Whether a source begins as standard input does."""
    return source == "-" or source.startswith("-:")


class StandardInput:
    """`-`: JPEG pictures; `-:640x480`, `-:640x480:bgr24`: raw pixels, width and height.

    The pipe holds up whoever writes into it, so that no frame is lost. Its end is the end.
    """

    is_stream = True
    is_live = False
    length = fps = None
    name = "standard input"

    def __init__(self, source: str, pipe: BinaryIO | None = None) -> None:
        """Read `pipe`; None takes the standard input of this process.

        Raises:
            InputError: what follows the minus is not understood, or there is no standard input.
        """
        match = _PATTERN.fullmatch(source)
        pixels = (match and match[3]) or "rgb24"
        if (
            match is None
            or pixels not in CHANNELS
            or (match[1] and 0 in map(int, match.group(1, 2)))
        ):
            raise InputError(
                f"{source}: not understood; - reads JPEG pictures, -:640x480 raw pixels of that "
                f"width and height, -:640x480:bgr24 those of another format ({', '.join(CHANNELS)})"
            )
        self._size = (int(match[2]), int(match[1])) if match[1] else None
        if self._size is not None:
            check_image_size(*self._size, name=source)
        self._channels = CHANNELS[pixels]
        if pipe is None and sys.stdin is None:
            raise InputError(f"{self.name}: is closed; pipe something into it")
        self._pipe = pipe
        self.report = Report(strict=True)

    def __iter__(self) -> Iterator[Frame]:
        # Without a buffer: a frame is there as soon as its last byte is.
        pipe = self._pipe or os.fdopen(os.dup(sys.stdin.fileno()), "rb", buffering=0)
        start: float | None = None
        index = 0
        with pipe:
            for image in self._jpeg(pipe) if self._size is None else self._raw(pipe, *self._size):
                captured = time.monotonic()
                start = captured if start is None else start
                yield Frame(self.name, index, captured - start, image, captured)
                index += 1
        if index == 0:
            raise InputError(f"{self.name}: not one frame could be read")

    def close(self) -> None:
        pass  # nobody can wake a thread that waits for a pipe

    def _raw(self, pipe: BinaryIO, height: int, width: int) -> Iterator[np.ndarray]:
        depth = len(set(self._channels))
        size = height * width * depth
        while True:
            data = bytearray()
            while len(data) < size and (more := pipe.read(size - len(data))):
                data += more
            if len(data) < size:
                break
            image = np.frombuffer(data, np.uint8).reshape(height, width, depth)
            yield np.ascontiguousarray(image[..., self._channels])
        if data:
            self.report.skip(f"{self.name}: the last frame was cut short and passed over")

    def _jpeg(self, pipe: BinaryIO) -> Iterator[np.ndarray]:
        try:
            container = av.open(pipe, "r", format="mjpeg", buffer_size=1 << 16)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise InputError(
                f"{self.name}: no JPEG pictures ({reason(error)}); raw pixels need their size, as "
                "in -:640x480"
            ) from error
        decode = Decoder()
        with container:
            for packet in container.demux(container.streams.video[0]):
                frames, broken = decode(packet)
                if broken:
                    self.report.skip(f"{self.name}: a frame was damaged and passed over")
                for frame in frames:
                    check_image_size(frame.height, frame.width, name=self.name)
                    yield rgb(frame)
