"""What a client may ask of the server at most."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

_INPUT_PIXELS = 18_000_000
_BYTES_A_PIXEL = 400


def affordable_pixels() -> int:
    """Pixels of the network's input that half of this machine's memory is enough for, at most 18
    million. A large network takes some 400 bytes for each, the smallest a third of that.
    """
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not on every system
        return _INPUT_PIXELS
    return min(_INPUT_PIXELS, memory // 2 // _BYTES_A_PIXEL)


@dataclass(frozen=True)
class Limits:
    """Limits of one server. Whoever is above one gets a status of HTTP that says so.

    Attributes:
        picture_bytes, video_bytes, document_bytes: size of a body, as it comes (413).
        bytes_at_once: of all bodies that are held at one moment (429).
        pixels, video_pixels: of a picture, and of a frame of a video, of which decoders hold up to
            16: width x height (413).
        pixels_at_once: of all pictures that wait for the network (429).
        input_pixels: of what the network sees of a picture (413), and of a batch of them.
        instances, points, ring_points: of an edited document: instances, points, and points of a
            ring (413).
        queue: pictures that wait for the network (429).
        batch: pictures that go to the network together.
        batch_wait_s: how long the first picture of a batch waits for others.
        video_frames, video_s: of a video: frames, and seconds that work on it may take; the answer
            ends there and says so.
        head_s: seconds until the head of a request is complete; then the connection ends.
        body_s: seconds until its body is complete (408).
        exchange_s: seconds until the answer has been taken; then the connection ends.
        connections: open at once; further ones are closed at once.
        viewers: of the live view (503).
        requests_per_s, burst: of one client: in the long run, and at once (429).
        messages_per_s: of one viewer's socket, which is closed above.
    """

    picture_bytes: int = 32 << 20
    video_bytes: int = 64 << 20
    document_bytes: int = 16 << 20
    bytes_at_once: int = 256 << 20
    pixels: int = 32_000_000
    video_pixels: int = 9_000_000
    pixels_at_once: int = 128_000_000
    input_pixels: int = field(default_factory=affordable_pixels)
    instances: int = 5000
    points: int = 500_000
    ring_points: int = 20_000
    queue: int = 32
    batch: int = 8
    batch_wait_s: float = 0.004
    video_frames: int = 600
    video_s: float = 240.0
    head_s: float = 10.0
    body_s: float = 30.0
    exchange_s: float = 300.0
    connections: int = 128
    viewers: int = 16
    requests_per_s: float = 100.0
    burst: int = 400
    messages_per_s: float = 100.0
