"""The overlays of a video as a video that plays whatever happens to the process."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import av.error
import cv2
import numpy as np
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from lib.errors import InputError

DEFAULT_FPS = 25.0
"""For sources that do not know their rate; it only says how long the last frame is shown."""
TICKS = 90_000
"""Times are kept in these parts of a second."""
# Every frame is a fragment of its own: a process that is killed loses the last two at most.
_CONTAINER = {"movflags": "empty_moov+default_base_moof+frag_every_frame", "flush_packets": "1"}
_H264 = {"preset": "ultrafast", "tune": "zerolatency", "crf": "20"}
_MPEG4 = {"qscale": "3"}


class OverlayVideo:
    """An MP4 file (H.264 where FFmpeg has an encoder for it) that takes its size from the first
    frame; a frame of another size is fitted into it.

    Frames carry their own times. There is no file before the first frame.
    """

    def __init__(self, path: Path, *, fps: float | None) -> None:
        self.path = path
        self._rate = Fraction(fps or DEFAULT_FPS).limit_denominator(1001)
        self._container: OutputContainer | None = None
        self._stream: VideoStream | None = None
        self._size = (0, 0)
        self._last = -1

    def write(self, image: np.ndarray, time_s: float) -> None:
        """Append an (H, W, 3) uint8 RGB frame, to be shown from `time_s` seconds on.

        Raises:
            InputError: the file cannot be written.
        """
        try:
            container, stream = self._opened(image)
            frame = VideoFrame.from_ndarray(_fitted(image, self._size), format="rgb24")
            # Times grow; two frames of one moment follow each other by a tick.
            self._last = max(round(time_s * TICKS), self._last + 1)
            frame.pts, frame.time_base = self._last, Fraction(1, TICKS)
            container.mux(stream.encode(frame))
        except (av.error.FFmpegError, OSError) as error:
            raise self._error(error) from error

    def close(self) -> None:
        """Finish the file.

        Raises:
            InputError: it cannot be written.
        """
        container, self._container = self._container, None
        if container is None or self._stream is None:
            return
        try:
            container.mux(self._stream.encode(None))
        except (av.error.FFmpegError, OSError) as error:
            raise self._error(error) from error
        finally:
            container.close()

    def _opened(self, image: np.ndarray) -> tuple[OutputContainer, VideoStream]:
        if self._container is None or self._stream is None:
            height, width = image.shape[:2]
            # Colours are stored for squares of two by two pixels.
            self._size = height + height % 2, width + width % 2
            self._container = av.open(str(self.path), "w", format="mp4", options=_CONTAINER)
            name, options = (
                ("libx264", _H264) if "libx264" in av.codecs_available else ("mpeg4", _MPEG4)
            )
            stream = self._container.add_stream(name, rate=self._rate, options=options)
            assert isinstance(stream, VideoStream)
            stream.height, stream.width = self._size
            stream.pix_fmt = "yuv420p"
            stream.codec_context.time_base = stream.time_base = Fraction(1, TICKS)
            self._stream = stream
        return self._container, self._stream

    def _error(self, error: Exception) -> InputError:
        reason = getattr(error, "strerror", None) or error
        return InputError(f"{self.path}: video cannot be written ({reason}); choose another --out")


def _fitted(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """An image in a frame of (height, width): a missing row or column is repeated; what is of
    another size is scaled to fit, with black beside it."""
    height, width = image.shape[:2]
    if (height + height % 2, width + width % 2) != size:
        scale = min(size[0] / height, size[1] / width)
        height, width = (
            max(1, min(round(side * scale), most))
            for side, most in zip((height, width), size, strict=True)
        )
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        top, left = (size[0] - height) // 2, (size[1] - width) // 2
        around = (top, size[0] - height - top, left, size[1] - width - left)
        return cv2.copyMakeBorder(image, *around, cv2.BORDER_CONSTANT, value=(0, 0, 0))
    around = (0, size[0] - height, 0, size[1] - width)
    return cv2.copyMakeBorder(image, *around, cv2.BORDER_REPLICATE) if any(around) else image
