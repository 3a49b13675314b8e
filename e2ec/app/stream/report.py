"""What happened to the frames of a stream, for the summary and the exit status."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from lib.errors import InputError

MESSAGES = 100
"""So many messages are kept, and said; a camera may run for weeks."""


def _say_nothing(message: str) -> None:
    pass


@dataclass
class Report:
    """Counts of a stream; the thread that reads the source writes some of them.

    Attributes:
        strict: what cannot be read raises InputError in place of being counted.
        frames: processed frames or images.
        instances: found on them.
        dropped: frames of a live source that newer ones replaced before the network was free.
        reopened: how often a live source was opened again.
        unwritten: results that a slow disk left no time to write.
        skipped: images or frames that could not be read.
        broken: one line for each of the first of them, and of what else is damaged or lost.
        say: called with each of these lines, and when a live source is lost and found again, by the
            thread that reads.
    """

    strict: bool = False
    frames: int = 0
    instances: int = 0
    dropped: int = 0
    reopened: int = 0
    unwritten: int = 0
    skipped: int = 0
    broken: list[str] = field(default_factory=list)
    say: Callable[[str], object] = _say_nothing
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def skip(self, message: str) -> None:
        """Count an image or frame that cannot be read.

        Raises:
            InputError: the report is strict.
        """
        with self._lock:
            self.skipped += 1
        self.fault(message)

    def fault(self, message: str) -> None:
        """Keep a line about something that is damaged or lost.

        Raises:
            InputError: the report is strict.
        """
        if self.strict:
            raise InputError(message)
        with self._lock:
            if len(self.broken) == MESSAGES:
                return
            self.broken.append(message)
        self.say(message)
        if len(self.broken) == MESSAGES:
            self.say("more of this is counted, and not said")

    @property
    def fine(self) -> bool:
        """Whether everything was read."""
        return not self.broken

    def summary(self) -> str:
        """One line of what was skipped, broken or lost; empty if nothing was."""
        if self.fine:
            return ""
        skipped = f"{self.skipped} skipped; " if self.skipped > 1 else ""
        more = len(self.broken) - 1
        others = f" (and {more}{'+' * (len(self.broken) == MESSAGES)} more)" if more else ""
        return f"{skipped}{self.broken[0]}{others}"
