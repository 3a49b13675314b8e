"""A camera on the network, made by the test: MJPEG over HTTP on 127.0.0.1, with its faults."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np

BITS, CELL = 48, 8
"""Numbers are drawn as black and white cells, which survive JPEG."""
Part = bytes | float | None
"""What a server sends: the bytes of a frame; a pause in seconds; None: it hangs up."""


def numbered(number: int, height: int = 96, width: int = 512) -> np.ndarray:
    """A grey picture (height, width, 3) with a number below 2^48 in its first rows."""
    picture = np.full((height, width, 3), 90, np.uint8)
    for bit in range(BITS):
        picture[:CELL, bit * CELL : (bit + 1) * CELL] = 255 * (number >> bit & 1)
    return picture


def number_of(picture: np.ndarray) -> int:
    """The number that was drawn into a picture."""
    middle = picture[CELL // 2, CELL // 2 : BITS * CELL : CELL].mean(axis=-1)
    return sum(1 << bit for bit, level in enumerate(middle) if level > 128)


def stamped(height: int = 96, width: int = 512) -> np.ndarray:
    """A picture of this moment: microseconds of `time.monotonic`."""
    return numbered(int(time.monotonic() * 1e6), height, width)


def age_s(picture: np.ndarray) -> float:
    """Seconds since a picture was `stamped`, in this process or another one of this machine."""
    return time.monotonic() - number_of(picture) / 1e6


def jpeg(picture: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", picture[..., ::-1])[1].tobytes()


def paced(parts: Iterable[Part], fps: float) -> Iterator[Part]:
    """The parts at so many a second, each made when it is due; pauses shift the rest."""
    due = time.monotonic()
    for part in parts:
        yield part
        due = max(due + 1 / fps, time.monotonic() - 1 / fps)
        time.sleep(max(0.0, due - time.monotonic()))


@contextmanager
def mjpeg_server(connections: Callable[[int], Iterable[Part]]) -> Iterator[str]:
    """Serve on a free port; the address.

    Args:
        connections: what the connection with this number, from 0, is sent; what it yields last ends
            it.
    """
    stop = threading.Event()
    count = iter(range(1 << 30))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            try:
                for part in connections(next(count)):
                    if part is None or stop.is_set():
                        return
                    if isinstance(part, float):
                        stop.wait(part)
                        continue
                    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(part)}"
                    self.wfile.write(head.encode() + b"\r\n\r\n" + part + b"\r\n")
            except OSError:  # whoever watched has gone
                pass

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/live"
    finally:
        stop.set()
        server.shutdown()
        server.server_close()
        thread.join()
