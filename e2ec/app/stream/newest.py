"""A mailbox of one place: whoever reads gets the newest item, whoever writes never waits."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Newest(Generic[T]):
    """The newest item between two threads; older ones that nobody took are dropped and counted."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._items: list[T] = []
        self._dropped = 0
        self._closed = False

    @property
    def dropped(self) -> int:
        """How many items were replaced before anybody took them."""
        with self._changed:
            return self._dropped

    @property
    def closed(self) -> bool:
        """Whether nothing more comes; one item may still be there."""
        with self._changed:
            return self._closed

    def put(self, item: T) -> None:
        """Leave an item in place of the one that lies there. Never blocks."""
        with self._changed:
            self._dropped += len(self._items)
            self._items = [item]
            self._changed.notify_all()

    def get(self, timeout: float | None = None) -> T | None:
        """Take the newest item; wait for one at most `timeout` seconds, without end if None.

        Returns:
            None when the time is over, or when the mailbox is closed and empty.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed, timeout)
            return self._items.pop() if self._items else None

    def close(self) -> None:
        """Nothing more comes: whoever waits is woken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
