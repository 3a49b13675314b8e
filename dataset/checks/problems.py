"""What readers find wrong with labels, and what becomes of it.

A reader reports every problem to a function it is given. Training passes `strict`, which stops at
the first problem that makes training impossible; a checker collects them all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from lib.errors import InputError
from lib.image_limits import ImageTooLarge

T = TypeVar("T")

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
    """An item cannot be used; the arguments are those of `Problem`.

    `IndexBuilder.reading` makes a problem of it.
    """

    action: Action = "stops"

    def __init__(self, kind: str, what: str, remedy: str = "", *, file: str | None = None) -> None:
        super().__init__(kind, what, remedy)
        self.kind, self.what, self.remedy, self.file = kind, what, remedy, file

    def problem(self, file: str, item: str) -> Problem:
        """The problem that it is in this item; `file` where it does not name its own."""
        return Problem(self.file or file, item, self.kind, self.what, self.action, self.remedy)


class LeftOut(Unusable):
    """An item cannot be used, and training goes on without it."""

    action = "left out"


def read_whole(read: Callable[[Path], T], path: Path, kind: str) -> T:
    """What `read` makes of a file.

    Raises:
        Unusable: of this kind, where `read` raises InputError; "too large" for an image above the
            limit, whatever `kind` is.
    """
    try:
        return read(path)
    except InputError as error:
        kind = "too large" if isinstance(error, ImageTooLarge) else kind
        what, _, remedy = str(error).removeprefix(f"{path}: ").partition("; ")
        raise Unusable(kind, what, remedy, file=str(path)) from error
