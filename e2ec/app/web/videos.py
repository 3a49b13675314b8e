"""Frames of a short video that a client sent, decoded in memory and one at a time."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import av
import numpy as np

from e2ec.app.web.limits import Limits
from e2ec.app.web.refusal import Refusal

KINDS = "MP4, WebM, Matroska or AVI"
# Others, such as play lists, would have FFmpeg open further files and addresses.
_CODECS = ("h264", "hevc", "vp8", "vp9", "av1", "libdav1d", "mpeg4", "mpeg2video", "mjpeg")
_STREAMS = 32
_FPS = 25.0  # of files that state no rate


@dataclass(frozen=True)
class VideoFrame:
    """A frame: its number from 0, its time from the start, (H, W, 3) uint8 RGB."""

    index: int
    time_s: float
    image: np.ndarray


class VideoDamaged(Exception):
    """A video ends in a place where it should go on."""


def is_video(data: bytes) -> bool:
    """Whether data begin as a video of a kind that is read."""
    return _container(data) is not None


def open_video(data: bytes, limits: Limits) -> Iterator[VideoFrame]:
    """The frames of a video, in order.

    Raises:
        Refusal: of another kind (415), damaged (422), or with frames that are too large (413).
        VideoDamaged: while iterating: the rest cannot be read.
    """
    kind = _container(data)
    if kind is None:
        raise Refusal(415, f"not a video: send {KINDS}")
    # Opening decodes frames already, to learn about the streams: with the same limits.
    limit = {"max_pixels": str(limits.video_pixels)}
    options = {
        "protocol_whitelist": "none",
        "codec_whitelist": ",".join(_CODECS),
        "max_streams": str(_STREAMS),
        **limit,
    }
    try:
        container: Any = av.open(io.BytesIO(data), format=kind, options=options)
        if not container.streams.video:
            raise Refusal(422, "the file has no video")
        stream = container.streams.video[0]
        context = stream.codec_context
        if context.name not in _CODECS:
            raise Refusal(415, f"videos coded as {context.name:.20} are not read; send H.264")
        if context.width * context.height > limits.video_pixels:
            raise Refusal(413, f"frames have more than {limits.video_pixels:,} pixels, the limit")
        if not context.width:
            raise Refusal(422, "the video cannot be decoded, or its frames are too large")
        # The size may change on the way: the decoder itself refuses larger frames.
        context.options = limit
        context.thread_count = 1
        frames = _frames(container, stream, timed=kind != "avi")
        first = next(frames, None)
    except (av.FFmpegError, ValueError, VideoDamaged) as error:
        raise Refusal(422, "the video cannot be decoded") from error
    if first is None:
        raise Refusal(422, "the video has no frame")
    return _with_first(first, frames)


def _with_first(first: VideoFrame, rest: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
    yield first
    yield from rest


def _frames(container: Any, stream: Any, *, timed: bool) -> Iterator[VideoFrame]:
    """All frames; by the frame rate where the file keeps no times."""
    start = None
    rate = float(stream.average_rate or 0) or _FPS
    with container:
        try:
            for index, frame in enumerate(container.decode(stream)):
                time_s = float(frame.time) if timed and frame.time is not None else index / rate
                start = time_s if start is None else start
                yield VideoFrame(index, max(0.0, time_s - start), frame.to_ndarray(format="rgb24"))
        except (av.FFmpegError, ValueError) as error:
            raise VideoDamaged("the video is damaged; the rest cannot be read") from error


def _container(data: bytes) -> str | None:
    """FFmpeg's name of a container, by how it begins."""
    if data[4:8] in (b"ftyp", b"moov"):
        return "mov"
    if data[:4] == b"\x1a\x45\xdf\xa3":
        return "matroska"
    return "avi" if data[:4] == b"RIFF" and data[8:12] == b"AVI " else None
