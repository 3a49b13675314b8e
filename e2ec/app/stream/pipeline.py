"""Reading, the network and writing at the same time: one thread each, in order, in little memory.

Decoding and drawing are OpenCV's work, which leaves the interpreter free for the network meanwhile.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

AHEAD = 4
"""At most this many items wait between two threads."""
AHEAD_LIVE = 1
"""The same for a camera or a stream: every frame that waits is shown so much later."""
_PATIENCE = 0.1
_LAST_WAIT = 5.0
"""Seconds that a camera or stream gets to deliver the frame it was asked for last."""


@dataclass(frozen=True)
class _End:
    """Nothing follows: all is read, or `error` was raised."""

    error: BaseException | None = None


def read_ahead(items: Iterable[T], count: int = AHEAD) -> Generator[T, None, None]:
    """The same items in the same order, up to `count` of them made in advance by a thread.

    What `items` raises is raised here, after everything before it has been given out. When this
    iterator is closed, the thread ends.
    """
    ready: queue.Queue[T | _End] = queue.Queue(count)
    stop = threading.Event()

    def offer(item: T | _End) -> bool:
        while not stop.is_set():
            try:
                ready.put(item, timeout=_PATIENCE)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in items:
                if not offer(item):
                    return
            offer(_End())
        except BaseException as error:  # carried over to the thread that waits
            offer(_End(error))

    thread = threading.Thread(target=work, name="read-ahead", daemon=True)
    thread.start()
    try:
        while not isinstance(item := ready.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        stop.set()
        thread.join(_LAST_WAIT)


@contextmanager
def write_behind(write: Callable[[T], None], count: int = AHEAD) -> Iterator[Callable[[T], None]]:
    """A function that passes items to `write` in a thread of its own, in their order.

    It blocks while `count` items wait. What `write` raises is raised by the next call, or at the
    end, and nothing more is written. Leaving the block waits for what has been passed on, also
    after an exception.
    """
    waiting: queue.Queue[T | _End] = queue.Queue(count)
    errors: list[BaseException] = []

    def work() -> None:
        while not isinstance(item := waiting.get(), _End):
            if errors:
                continue  # taken anyway, so that nobody waits for a free place
            try:
                write(item)
            except BaseException as error:
                errors.append(error)

    def put(item: T) -> None:
        if errors:
            raise errors[0]
        waiting.put(item)

    thread = threading.Thread(target=work, name="write-behind", daemon=True)
    thread.start()
    try:
        yield put
    finally:
        waiting.put(_End())
        thread.join()
    if errors:
        raise errors[0]
