"""What can be chosen about tracks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from e2ec.results.default_score import DEFAULT_SCORE

Method = Literal["bytetrack", "ocsort"]
Matching = Literal["boxes", "contours"]


@dataclass(frozen=True)
class TrackSettings:
    """How instances of one frame are matched with those of the frames before.

    Attributes:
        method: the tracker of the package `trackers`.
        matching: what is compared: the overlap of boxes, or that of the contours themselves.
        score: only an instance of at least this score begins a track; others may continue one.
        gap_s: seconds for which an identity waits for an object that is not seen.
        smooth: seconds over which the shape of a contour is smoothed; 0 leaves contours as they
            are.

    Raises:
        ValueError: a number is out of range.
    """

    method: Method = "bytetrack"
    matching: Matching = "boxes"
    score: float = DEFAULT_SCORE
    gap_s: float = 1.0
    smooth: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.score <= 1:
            raise ValueError(f"score must lie between 0 and 1, not {self.score}")
        if not 0 <= self.gap_s <= 3600:
            raise ValueError(f"gap_s must lie between 0 and 3600 seconds, not {self.gap_s}")
        if not 0 <= self.smooth <= 10:
            raise ValueError(f"smooth must lie between 0 and 10 seconds, not {self.smooth}")
