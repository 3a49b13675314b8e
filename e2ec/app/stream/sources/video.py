"""Video files, and videos of a known length behind a URL, decoded by FFmpeg (PyAV)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from e2ec.app.stream.frame import Frame
from e2ec.app.stream.report import Report
from lib.errors import InputError
from lib.image_header import is_complete_jpeg
from lib.image_limits import check_image_size

VIDEO_SUFFIXES = (
    ".avi", ".gif", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ts", ".webm", ".wmv",
)  # fmt: skip
# What a shortfall of frames means where their number is an estimate by length and rate.
_ESTIMATE = 0.9
# A file must not make FFmpeg open others, or addresses, as playlists do.
_FILE_OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": "asf,avi,flv,gif,h264,hevc,m4v,matroska,mov,mpeg,mpegts,mpegvideo",
}
# Frames that are waited for after damage; videos without key frames would never be whole again.
_LONGEST_GAP = 300


class VideoSource:
    """A video, opened at once so that mistakes show early; every frame is read.

    What is damaged is passed over and reported, once, and so is an end that comes early.
    """

    is_stream = True
    is_live = False

    def __init__(self, target: str, *, name: str, container: InputContainer | None = None) -> None:
        """Open the file `target`, or take the open `container` of a URL.

        Raises:
            InputError: not a video, or one too large.
        """
        self.name = name
        self.report = Report(strict=True)
        self._target = target
        self._container = open_video(target, name=name) if container is None else container
        self._reopens = container is None
        self._fresh = True
        stream = video_stream(self._container, name=name)
        check_image_size(stream.height, stream.width, name=name)
        self._stated = stream.frames or None
        rate = stream.average_rate or stream.guessed_rate
        self._fps = float(rate) if rate else None
        duration = self._container.duration
        estimate = round(duration / av.time_base * self._fps) if duration and self._fps else None
        self._length = self._stated or estimate

    @property
    def length(self) -> int | None:
        return self._length

    @property
    def fps(self) -> float | None:
        return self._fps

    def __iter__(self) -> Iterator[Frame]:
        if not self._fresh and self._reopens:
            self._container = open_video(self._target, name=self.name)
        self._fresh = False
        with self._container:
            yield from self._frames(video_stream(self._container, name=self.name))

    def close(self) -> None:
        pass  # whoever iterates closes the file

    def _frames(self, stream: VideoStream) -> Iterator[Frame]:
        stream.thread_type = "AUTO"
        start = float((stream.start_time or 0) * (stream.time_base or 0))
        count = packets = bad = 0
        lost = ""
        time_s = 0.0
        demuxed, decode = self._container.demux(stream), Decoder()
        while not lost:
            packet: Any = None
            try:
                packet = next(demuxed, None)
            except av.error.FFmpegError as error:
                lost = f" ({reason(error)})"
                packet = av.Packet()  # an empty one fetches what waits in the decoder
                packet.stream = stream
            if packet is None:
                break
            packets += packet.size > 0
            decoded, broken = decode(packet)
            for frame in decoded:
                check_image_size(frame.height, frame.width, name=self.name)
                time_s = self._time(frame, start, count + bad)
                yield Frame(self.name, count, time_s, rgb(frame))
                count += 1
            if broken and not bad:
                self.report.fault(
                    f"{self.name}: damaged: frames could not be decoded, the first after "
                    f"{time_s:.2f} s"
                )
            bad += broken
            self.report.skipped += broken
        if bad:  # some leave no trace but their packet
            self.report.skipped += max(packets - count - bad, 0)
        self._check_end(count, packets, lost)

    def _time(self, frame: VideoFrame, start: float, index: int) -> float:
        """Time of a frame; by the frame rate where the file keeps no times, as AVI does not."""
        if frame.time is not None and (not self._fps or self._container.format.name != "avi"):
            return max(frame.time - start, 0.0)
        return index / self._fps if self._fps else 0.0

    def _check_end(self, frames: int, packets: int, lost: str) -> None:
        if frames == 0:
            raise InputError(f"{self.name}: not one frame could be read; the video is damaged")
        # An estimate may be a little too high; what is stated is not.
        expected = self._stated or int(_ESTIMATE * (self._length or 0))
        if packets < expected or lost:
            length = f" of {self._length}" if self._length else ""
            self.report.fault(f"{self.name}: ended at frame {packets}{length}{lost}")


def open_video(target: str, *, name: str) -> InputContainer:
    """A video file, opened.

    Raises:
        InputError: it is none.
    """
    try:
        return av.open(target, options=_FILE_OPTIONS)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise InputError(
            f"{name}: not a video that can be decoded; convert it to MP4 (H.264)"
        ) from error


def video_stream(container: InputContainer, *, name: str) -> VideoStream:
    """The first stream of pictures.

    Raises:
        InputError: there is none, or FFmpeg has no decoder for it.
    """
    if not container.streams.video or container.streams.video[0].codec_context is None:
        container.close()
        raise InputError(f"{name}: not a video that can be decoded; convert it to MP4 (H.264)")
    return container.streams.video[0]


class Decoder:
    """Packets of one stream to whole frames."""

    def __init__(self) -> None:
        self._gap = 0

    def __call__(self, packet: Any) -> tuple[list[VideoFrame], int]:
        """The whole frames of a packet, and how many are broken.

        A JPEG cut short is broken: FFmpeg would fill it up with grey. Frames behind a damaged one
        are too, up to the next key frame, because they are made of it.
        """
        mjpeg = packet.stream.codec_context.name == "mjpeg"
        if mjpeg and packet.size and not is_complete_jpeg(bytes(packet)):
            return [], 1
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            self._gap = _LONGEST_GAP
            return [], 1
        whole = [frame for frame in frames if self._is_whole(frame)]
        return whole, len(frames) - len(whole)

    def _is_whole(self, frame: VideoFrame) -> bool:
        if frame.is_corrupt:
            self._gap = _LONGEST_GAP
        elif frame.key_frame:
            self._gap = 0
        else:
            self._gap = max(self._gap - 1, 0)
        return self._gap == 0


def rgb(frame: VideoFrame) -> np.ndarray:
    """(H, W, 3) uint8 RGB, turned as the video says."""
    image = frame.to_ndarray(format="rgb24")
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


def reason(error: Exception) -> str:
    """What FFmpeg says of an error, without its number."""
    if isinstance(error, (av.error.ExitError, TimeoutError)):
        return "no answer in time"
    return str(getattr(error, "strerror", None) or error)
