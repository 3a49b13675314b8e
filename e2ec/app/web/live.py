"""The live view: a viewer whose pictures go to web pages.

It is a WebSocket and not MJPEG. A page asks for the next picture when it has drawn the last one, so
that a slow line gets fewer pictures and never old ones; with MJPEG they would wait in buffers that
nobody can look into. The controls go the other way on the same socket.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from e2ec.app.stream.newest import Newest
from e2ec.app.stream.viewer import Shown
from e2ec.app.web.names import picture_name

_QUALITY = 80
_WAIT_S = 0.5


@dataclass(frozen=True)
class Picture:
    """A picture as pages get it.

    Attributes:
        number: counts the pictures, from 1.
        facts: what the page says about it.
        jpeg: the picture.
    """

    number: int
    facts: dict[str, Any]
    jpeg: bytes


class Page:
    """A page that looks: woken when there is something new. Belongs to one event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.news = asyncio.Event()

    def wake(self) -> None:
        """Say that there is something new; from any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.news.set)


class LiveView:
    """A `Viewer`: a thread of its own encodes the newest picture, once for all pages.

    Nothing is encoded while nobody looks.
    """

    def __init__(self) -> None:
        self._newest: Newest[Shown] = Newest()
        self._lock = threading.Lock()
        self._pages: set[Page] = set()
        self._last: Shown | None = None
        self._picture: Picture | None = None
        self._count = 0
        self._open = True
        self._ended = False
        threading.Thread(target=self._encode, name="live-view", daemon=True).start()

    @property
    def open(self) -> bool:
        """False once the server that shows it has ended."""
        return self._open

    @property
    def ended(self) -> bool:
        """Whether the stream has ended; its last picture stays."""
        return self._ended

    @property
    def last(self) -> Shown | None:
        """The newest frame with its contours."""
        return self._last

    @property
    def picture(self) -> Picture | None:
        """The newest picture that is encoded."""
        return self._picture

    def show(self, shown: Shown) -> None:
        """Take a picture to show. Never blocks."""
        self._last = shown
        self._newest.put(shown)

    def close(self) -> None:
        """The stream has ended; its last picture stays on the pages."""
        self._ended = True
        self._wake()

    def stop(self) -> None:
        """The server ends: the stream sees that nobody looks any more."""
        self._open = False
        self._newest.close()
        self._wake()

    def join(self) -> Page:
        """A page begins to look; called on its event loop."""
        page = Page()
        with self._lock:
            self._pages.add(page)
        if self._last is not None:
            self._newest.put(self._last)  # a page that comes while the stream rests sees it too
        return page

    def leave(self, page: Page) -> None:
        """A page looks no more."""
        with self._lock:
            self._pages.discard(page)

    def _encode(self) -> None:
        while self._open:
            shown = self._newest.get(_WAIT_S)
            if shown is None or not self._pages:
                continue
            good, jpeg = cv2.imencode(
                ".jpg",
                cv2.cvtColor(shown.picture, cv2.COLOR_RGB2BGR),
                [cv2.IMWRITE_JPEG_QUALITY, _QUALITY],
            )
            if good:
                self._count += 1
                self._picture = Picture(self._count, facts(shown), jpeg.tobytes())
                self._wake()

    def _wake(self) -> None:
        with self._lock:
            pages = list(self._pages)
        for page in pages:
            page.wake()


def facts(shown: Shown) -> dict[str, Any]:
    """What a page is told about a picture."""
    frame = shown.frame
    return {
        "name": picture_name(frame.name),
        "index": frame.index,
        "time_s": round(frame.time_s, 3),
        "width": frame.image.shape[1],
        "height": frame.image.shape[0],
        "instances": len(shown.contours),
        "fps": round(shown.fps, 2),
        "latency_ms": round(shown.latency_s * 1000.0, 1),
    }


def png(image: np.ndarray) -> bytes:
    """An (H, W, 3) uint8 RGB image as PNG."""
    return cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()
