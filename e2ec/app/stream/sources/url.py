"""Addresses: RTSP, RTMP, HTTP with MJPEG, HLS or a video file, and the like, by FFmpeg (PyAV)."""

from __future__ import annotations

import re
import time
from collections import deque

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame

from e2ec.app.stream.sources.live import BrokenFrame, LiveSource, Lost
from e2ec.app.stream.sources.source import Source
from e2ec.app.stream.sources.video import Decoder, VideoSource, reason, rgb, video_stream
from lib.errors import InputError

URL_SCHEMES = ("http://", "https://", "rtmp://", "rtsp://", "rtsps://", "tcp://", "udp://")
OPENING_S, STALL_S = 10.0, 5.0
"""A server that says nothing for so many seconds is given up, and asked again."""
_OPTIONS = {"rtsp_flags": "prefer_tcp", "reconnect": "1", "reconnect_delay_max": "4"}
_LIVE_OPTIONS = {
    # Frames that were read to find out the format are old; they are let go.
    "fflags": "nobuffer",
    "flags": "low_delay",
    "analyzeduration": "1000000",
    "probesize": "1000000",
    **_OPTIONS,
}


def url_source(url: str, *, patience_s: float) -> Source:
    """The video at an address: a live one, or a film, which has a length.

    Raises:
        InputError: it cannot be opened.
    """
    name = without_password(url)
    try:
        first = _open(url, _LIVE_OPTIONS)
        if first.duration:
            first.close()
            return VideoSource(url, name=name, container=_open(url, _OPTIONS))
    except Lost as error:
        raise InputError(f"{name}: {error}; check the address and the network") from error
    opened = [first]
    return LiveSource(
        lambda: UrlCapture(opened.pop() if opened else _open(url, _LIVE_OPTIONS)),
        name=name,
        patience_s=patience_s,
    )


def without_password(url: str) -> str:
    """The address as it may be shown: what stands before an @ is left out."""
    return re.sub(r"^(\w+://)[^/?#]*@", r"\1", url)


class UrlCapture:
    """An open live stream."""

    def __init__(self, container: InputContainer) -> None:
        self._container = container
        try:
            stream = video_stream(container, name="the stream")
        except InputError as error:
            raise Lost("no video in it") from error
        # Frame threads would hold back as many frames as there are threads.
        stream.thread_type = "SLICE"
        rate = stream.average_rate or stream.guessed_rate
        self.fps = float(rate) if rate else None
        self._packets = container.demux(stream)
        self._decode = Decoder()
        self._ready: deque[VideoFrame] = deque()
        self._arrived = 0.0

    def read(self) -> tuple[np.ndarray, float]:
        while not self._ready:
            try:
                packet = next(self._packets)
            except StopIteration:
                raise Lost("the stream has ended") from None
            except (av.error.FFmpegError, OSError) as error:
                raise Lost(reason(error)) from error
            self._arrived = time.monotonic()
            frames, broken = self._decode(packet)
            self._ready.extend(frames)
            if broken:
                raise BrokenFrame("it is damaged or cut short")
            if packet.size == 0 and not frames:
                raise Lost("the stream has ended")
        return rgb(self._ready.popleft()), self._arrived

    def close(self) -> None:
        self._container.close()


def _open(url: str, options: dict[str, str]) -> InputContainer:
    try:
        return av.open(url, options=options, timeout=(OPENING_S, STALL_S))
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise Lost(f"cannot be opened ({reason(error)})") from error
