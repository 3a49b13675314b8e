"""Short videos of a bright square, made in memory."""

from __future__ import annotations

import io

import av
import numpy as np
from web_model import picture


def video(frames: int = 6, kind: str = "mp4", size: tuple[int, int] = (128, 96)) -> bytes:
    """A video at 10 frames a second: in frame i the square lies 4 i pixels to the right."""
    file = io.BytesIO()
    with av.open(file, "w", format=kind) as container:
        stream = container.add_stream("libx264" if kind != "webm" else "libvpx", rate=10)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for index in range(frames):
            image = np.roll(picture(*size), 4 * index, axis=1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return file.getvalue()
