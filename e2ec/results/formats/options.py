"""What can be asked of every format that contours are written in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class FormatOptions:
    """How contours are changed on their way into a file; by default not at all.

    Attributes:
        simplify: leave out vertices that lie at most this far from the outline without them
            (Douglas and Peucker), in pixels.
        valid: make polygons that cross themselves valid (`valid_polygons.mend`).
        keep: all parts of an object, or the largest one alone.
        holes: keep holes.
        decimals: digits after the point of coordinates, in pixels; None keeps all.
        pixel_size: side of a pixel in micrometres, for measurements; None where it is not known.

    Raises:
        ValueError: a number is out of range.
    """

    simplify: float = 0.0
    valid: bool = False
    keep: Literal["all", "largest"] = "all"
    holes: bool = True
    decimals: int | None = 2
    pixel_size: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.simplify < float("inf"):
            raise ValueError("simplify must be a number of pixels from 0")
        if self.decimals is not None and not 0 <= self.decimals <= 15:
            raise ValueError("decimals must lie between 0 and 15")
        if self.pixel_size is not None and not 0 < self.pixel_size < float("inf"):
            raise ValueError("pixel_size must be a positive number of micrometres")

    @property
    def changes_outlines(self) -> bool:
        """Whether outlines become others before they are written."""
        return self.simplify > 0 or self.valid or self.keep != "all" or not self.holes
