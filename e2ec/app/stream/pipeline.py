"""Reading, the network, drawing and writing at the same time: one thread each, in little memory.

Decoding, drawing and encoding leave the interpreter free for the network meanwhile.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

AHEAD = 4
"""At most this many items wait between two threads."""
_LAST_WAIT = 2.0
"""Seconds that a camera or stream gets to deliver the frame it was asked for last."""


class Reading(Generic[T]):
    """Items made by a thread of their own, in order."""

    def __init__(self, items: Iterable[T], *, newest: bool = False, count: int = AHEAD) -> None:
        """Start the thread.

        Args:
            items: what it makes.
            newest: keep the newest item alone and never wait; older ones are dropped and counted.
                Otherwise all are kept, and `count` of them made in advance.
            count: see above.
        """
        self._changed = threading.Condition()
        self._ready: deque[T] = deque()
        self._newest = newest
        self._count = count
        self._finished = self._stopped = False
        self._error: BaseException | None = None
        self.dropped = 0
        self._thread = threading.Thread(
            target=self._work, args=(iter(items),), name="reading", daemon=True
        )
        self._thread.start()

    def get(self, timeout: float | None = None) -> T | None:
        """The next item; None after `timeout` seconds without one, and where nothing follows.

        What making the items raised is raised here, after everything before it has been given out.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._finished, timeout)
            if self._ready:
                item = self._ready.popleft()
                self._changed.notify_all()
                return item
            error, self._error = self._error, None
        if error is not None:
            raise error
        return None

    @property
    def ended(self) -> bool:
        """Whether nothing follows."""
        with self._changed:
            return self._finished and not self._ready and self._error is None

    def close(self) -> None:
        """End the thread; it gets a moment for the item that it is making."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._thread.join(_LAST_WAIT)

    def _work(self, items: Iterator[T]) -> None:
        try:
            for item in items:
                if not self._offer(item):
                    break
            if isinstance(items, Generator):
                items.close()
        except BaseException as error:  # carried over to the thread that waits
            self._error = error
        with self._changed:
            self._finished = True
            self._changed.notify_all()

    def _offer(self, item: T) -> bool:
        with self._changed:
            if self._newest:
                self.dropped += len(self._ready)
                self._ready.clear()
            self._changed.wait_for(lambda: len(self._ready) < self._count or self._stopped)
            if not self._stopped:
                self._ready.append(item)
                self._changed.notify_all()
            return not self._stopped


@dataclass(frozen=True)
class _End:
    """Nothing follows."""


@contextmanager
def write_behind(
    write: Callable[[T], None], count: int = AHEAD, *, may_drop: bool = False
) -> Iterator[Callable[[T], bool]]:
    """A function that passes items to `write` in a thread of its own, in their order.

    While `count` items wait it blocks, or, where it may drop them, lets go of the item and returns
    False. What `write` raises is raised by the next call, or at the end, and nothing more is
    written. Leaving the block waits for what has been passed on, also after an exception.
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

    def put(item: T) -> bool:
        if errors:
            raise errors[0]
        try:
            waiting.put(item, block=not may_drop)
        except queue.Full:
            return False
        return True

    thread = threading.Thread(target=work, name="write-behind", daemon=True)
    thread.start()
    try:
        yield put
    finally:
        try:
            waiting.put(_End())
            thread.join()
        except BaseException:  # Ctrl-C: what was passed on is written all the same
            waiting.put(_End())
            thread.join()
            raise
    if errors:
        raise errors[0]
