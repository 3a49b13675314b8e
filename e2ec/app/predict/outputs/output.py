"""Where predictions go: what every output does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Literal, Protocol

from e2ec.app.predict.image_list import ListedImage
from e2ec.results.contours import Contours
from e2ec.results.formats.notes import Notes
from lib.errors import InputError

Classes = Mapping[int, str]
"""Class names by category id."""
State = Literal["open", "done", "kept", "other"]
"""Of an image: to be predicted; done, by the same model and settings; or a file of its name is
there that stays: one that a person has made or changed, or that was predicted in another way."""


class Unfit(InputError):
    """A format cannot hold the result of one image; those of others it can."""


class Output(Protocol):
    """Results on their way to files. A process that is killed leaves whole files."""

    place: str
    """Where they are, for people."""
    notes: Notes
    """What this run left out or changed on the way into files."""

    def __enter__(self) -> Output:
        """
        Raises:
            InputError: nothing can be written, or what is there was predicted in another way.
        """
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def state(self, image: ListedImage) -> State:
        """What is there of an image."""
        ...

    def write(self, image: ListedImage, contours: Contours) -> bool:
        """Write the result of an image; False where a person's file is there meanwhile.

        Raises:
            Unfit: the format cannot hold it.
            InputError: it cannot be written.
        """
        ...

    def finish(self, images: Sequence[ListedImage]) -> None:
        """Put together what belongs to all images; called once, when all have had their turn.

        Raises:
            InputError: it cannot be written.
        """
        ...
