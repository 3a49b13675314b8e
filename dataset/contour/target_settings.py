"""The settings of training targets, on their own: they are read where nothing heavy is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

PartsPolicy = Literal["all", "largest"]
HeatmapKind = Literal["radius", "extent"]


@dataclass(frozen=True)
class TargetSettings:
    """How labels are turned into training targets."""

    vertices: int = 128
    """Number N of vertices of a contour."""
    directions: int = 4
    """Number M of directions of the multi-direction alignment."""
    pairing: Literal["aligned", "nearest"] = "aligned"
    """Which label point a vertex is to reach: aligned by those directions; nearest divides labels
    uniformly, as methods before the paper do, and turns them to where they are nearest to the
    octagon in their box. It leaves `directions` without effect."""
    stride: int = 4
    """Network input pixels per cell of the feature map. It comes from the network: a run accepts no
    other value (deprecated)."""
    key_tolerance: float = 12.0
    """Douglas-Peucker tolerance of the key vertices, input pixels."""
    key_tolerance_share: float = 0.0
    """Where above 0, the tolerance of a contour is at most this share of the square root of its
    area, so that small objects have key vertices as well; 0 takes key_tolerance for all."""
    min_area_cells: float = 5.0
    """Parts of at most this area are dropped, square cells."""
    min_overlap: float = 0.7
    """Overlap in CornerNet's rule for the radius of the gaussians."""
    max_instances: int | None = None
    """Train on the contours of at most this many parts per image, drawn at random; None takes all.
    The centres of the others stay on the heat map: they are no background."""
    parts: PartsPolicy = "all"
    """Of an object that is in several pieces: learn all of them, each as an instance, or only the
    largest that the crop shows; the others are background then."""
    heatmap: HeatmapKind = "radius"
    """Gaussians of the heat map. radius: round, as far as CornerNet's rule says. extent: wide and
    high as the part's box is (TTFNet)."""
    ignore_unlearned: bool = False
    """Cells of the heat map where something lies that is not learned are neither positive nor
    negative: crowd regions and groups, parts that are too small or nearly covered. False takes them
    for background."""

    def __post_init__(self) -> None:
        for name, known in (("parts", PartsPolicy), ("heatmap", HeatmapKind)):
            if getattr(self, name) not in get_args(known):
                raise ValueError(
                    f"{name} must be one of {', '.join(get_args(known))}, "
                    f"not {getattr(self, name)!r}"
                )
        if self.vertices < 3 or not 0 <= self.directions <= self.vertices:
            raise ValueError(
                f"vertices must be at least 3 and directions between 0 and vertices, "
                f"not {self.vertices} and {self.directions}"
            )
        if self.pairing == "nearest" and self.vertices % 4:
            raise ValueError(
                f"pairing nearest compares with a box's contour, which needs a multiple of 4 "
                f"vertices, not {self.vertices}"
            )
        if self.stride < 1 or self.key_tolerance < 0 or self.min_area_cells < 0:
            raise ValueError(
                "stride must be positive, key_tolerance and min_area_cells not negative"
            )
        if self.key_tolerance_share < 0:
            raise ValueError("key_tolerance_share must not be negative")
        if self.key_tolerance_share > 0 and self.key_tolerance == 0:
            raise ValueError("key_tolerance_share has no effect where key_tolerance is 0")
        if not 0 < self.min_overlap < 1:
            raise ValueError(f"min_overlap must lie in (0, 1), not {self.min_overlap}")
        if self.max_instances is not None and self.max_instances < 1:
            raise ValueError(f"max_instances must be at least 1, not {self.max_instances}")
