"""What readers find wrong with labels, and what becomes of it.

A reader reports every problem to a function it is given. Training passes `strict`, which stops at
the first problem that makes training impossible; a checker collects them all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from lib.errors import InputError

Action = Literal["stops", "left out", "clipped", "kept"]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        file: path of the file it is in.
        item: the item in the file: "annotation 12", "image 5 (a.jpg)"; empty for the file itself.
        kind: a few words, the same for all problems of a kind.
        what: what is wrong, in full.
        action: what is done about it: training "stops" there, the item is "left out", "clipped" to
            the image, or "kept" as it is.
        remedy: what the user can do.
    """

    file: str
    item: str
    kind: str
    what: str
    action: Action
    remedy: str = ""

    def line(self) -> str:
        """The problem as text for people: a file name may hold what no text file can."""
        text = ": ".join(filter(None, (self.file, self.item, self.what)))
        text = f"{text}; {self.remedy}" if self.remedy else text
        return text.encode("utf-8", "backslashreplace").decode("utf-8")


Report = Callable[[Problem], None]


def strict(problem: Problem) -> None:
    """The report of training: what would stop it stops it here, the rest passes.

    Raises:
        InputError: the problem's action is "stops".
    """
    if problem.action == "stops":
        raise InputError(problem.line())


class Unusable(Exception):
    """An item cannot be used: what kind of problem, what it is in words, and the remedy."""

    def __init__(self, kind: str, what: str, remedy: str) -> None:
        super().__init__(kind, what, remedy)
        self.kind, self.what, self.remedy = kind, what, remedy
