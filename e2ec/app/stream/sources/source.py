"""What every source of frames has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from e2ec.app.stream.frame import Frame
from e2ec.app.stream.report import Report


class Source(Protocol):
    """Images one after the other.

    What cannot be read goes to `report`, which raises InputError where it is strict, as it is
    unless another one is set; otherwise the frames go on behind it.
    """

    report: Report

    @property
    def name(self) -> str:
        """Name of the file, the folder, "camera-0", or the URL."""
        ...

    @property
    def is_stream(self) -> bool:
        """Whether the images follow each other in time: a video, a camera, a URL."""
        ...

    @property
    def is_live(self) -> bool:
        """Whether a frame that nobody takes is gone: a camera, a screen, a live URL."""
        ...

    @property
    def length(self) -> int | None:
        """Number of images; for a video what its file states; None where nobody knows."""
        ...

    @property
    def fps(self) -> float | None:
        """Frames a second, or None for image files and where it is not known."""
        ...

    def __iter__(self) -> Iterator[Frame]: ...

    def close(self) -> None:
        """Let go of the source; iterating ends soon. May be called from any thread."""
        ...
